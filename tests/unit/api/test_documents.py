"""Files as users write them: what is read, what is refused, and that no error repeats a secret."""

from __future__ import annotations

import pydantic
import pytest

from llmgateway_api import LLMGateway, load_documents

GATEWAY = """
apiVersion: llmgateway.dev/v1alpha1
kind: LLMGateway
metadata: {name: demo}
spec:
  backends: [{name: demo, type: Scripted}]
"""
CREDENTIAL = """
apiVersion: llmgateway.dev/v1alpha1
kind: LLMCredential
metadata: {name: key}
spec:
  type: Static
  sourceRef: {name: bootstrap, keys: {accessToken: api-key}}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {one: aGVsbG8=}
stringData: {two: "4711"}
"""
MARK = "hunter2-hunter2-hunter2-hunter2"


def _file(*documents: str) -> str:
    return "\n---\n".join(documents)


def test_a_file_holds_a_gateway_with_credentials_and_secrets() -> None:
    documents = load_documents(_file(GATEWAY, CREDENTIAL, SECRET))
    assert documents.errors == ()
    assert documents.gateway is not None
    assert documents.gateway.metadata.name == "demo"
    assert [each.metadata.name for each in documents.credentials] == ["key"]
    assert [(each.name, dict(each.data)) for each in documents.secrets] == [("keys", {"one": b"hello", "two": b"4711"})]


def test_other_kinds_of_a_file_are_named_and_left_alone() -> None:
    other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: vllm}\nspec: {replicas: 1}"
    documents = load_documents(_file(other, GATEWAY))
    assert (documents.errors, documents.ignored) == ((), ("Deployment/vllm",))


def test_empty_documents_between_separators_do_not_count() -> None:
    assert load_documents("---\n" + _file(GATEWAY, "", "# only a comment")).errors == ()


def test_all_errors_of_all_documents_come_at_once() -> None:
    text = _file(
        GATEWAY.replace("type: Scripted", "type: Scriptd").replace("spec:", "spec:\n  unknownModels: No"),
        CREDENTIAL.replace("Static", "Statics"),
        SECRET.replace("aGVsbG8=", "nonsense!"),
    )
    assert [str(error).split(": must")[0] for error in load_documents(text).errors] == [
        "LLMGateway/demo: spec.backends[0].type",
        "LLMGateway/demo: spec.unknownModels",
        "LLMCredential/key: spec.type",
        "Secret/keys: data.one",
    ]


def test_valid_documents_are_there_beside_broken_ones() -> None:
    documents = load_documents(_file(GATEWAY, CREDENTIAL.replace("Static", "Statics")))
    assert documents.gateway is not None
    assert documents.credentials == ()


def test_several_rules_that_one_object_breaks_are_all_reported() -> None:
    text = GATEWAY.replace("type: Scripted", "type: Scripted, endpoint: {url: 'http://a/v1'}, sessionPool: {}")
    assert [error.path for error in load_documents(text).errors] == [
        "spec.backends[0].endpoint",
        "spec.backends[0].sessionPool",
    ]


def test_one_wrong_entry_does_not_make_a_list_empty() -> None:
    errors = load_documents(GATEWAY.replace("type: Scripted", "type: Scriptd")).errors
    assert [error.path for error in errors] == ["spec.backends[0].type"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no document: an LLMGateway is expected"),
        (_file(GATEWAY, GATEWAY), "holds more than one LLMGateway: keep one"),
        ("just text", "is no object: a document begins with apiVersion, kind and metadata"),
        ("a: [1", "line 1, column 6: is not valid YAML"),
        ("a: 1\na: 2", "line 2: a key stands twice in the same object"),
        ("a: !!int x", "is not valid YAML"),
        ("a: !!bool x", "is not valid YAML"),
        ("a: !!python/object:os.system x", "line 1, column 4: is not valid YAML"),
        ("metadata: {name: x}", "document/x: needs apiVersion and kind"),
        (GATEWAY.replace("kind: LLMGateway", "kind: LLMGatway"),
         "LLMGatway/demo: kind: must be one of LLMGateway, LLMCredential in llmgateway.dev/v1alpha1"),
        (GATEWAY.replace("v1alpha1", "v1"),
         'LLMGateway/demo: apiVersion: must be llmgateway.dev/v1alpha1; got "llmgateway.dev/v1"'),
        (GATEWAY.replace("apiVersion: llmgateway.dev/v1alpha1", ""),
         "LLMGateway/demo: apiVersion: is required: llmgateway.dev/v1alpha1"),
        (GATEWAY.replace("metadata: {name: demo}", ""), "LLMGateway/?: metadata: is required"),
        (GATEWAY.replace("demo}", ".nan}"), "holds values that JSON does not have"),
        (SECRET.replace('"4711"', "4711"), "Secret/keys: stringData.two: must be a string: put it in quotes"),
        (SECRET.replace("{one: aGVsbG8=}", "text"), "Secret/keys: data: must be an object with fields"),
        (SECRET.replace("{name: keys}", "{}"), "Secret/?: metadata.name: is required"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(text: str, sentence: str) -> None:
    assert any(sentence in str(error) for error in load_documents(text).errors), load_documents(text).errors


def test_times_stay_text_as_in_kubernetes() -> None:
    text = CREDENTIAL + "  refresh: {requestedAt: 2026-01-01T00:00:00Z}\n"
    (credential,) = load_documents(text).credentials
    assert credential.spec.refresh.requested_at == "2026-01-01T00:00:00Z"


def test_an_object_from_the_api_server_is_read_whatever_its_status_holds() -> None:
    text = GATEWAY + "status: {observedGeneration: 3, fieldOfTomorrow: 1, conditions: []}\n"
    text = text.replace("{name: demo}", "{name: demo, uid: u, managedFields: [{manager: kubectl}]}")
    gateway = load_documents(text).gateway
    assert gateway is not None
    assert gateway.status is not None
    assert gateway.status.observed_generation == 3


@pytest.mark.parametrize(
    "text",
    [
        SECRET.replace("aGVsbG8=", MARK),
        SECRET.replace("aGVsbG8=", f"*{MARK}"),
        SECRET.replace("aGVsbG8=", f"!{MARK} x"),
        SECRET.replace("aGVsbG8=", f'"{MARK}'),
        SECRET.replace("{one: aGVsbG8=}", MARK),
        SECRET.replace('"4711"', f"[{MARK}]"),
        SECRET.replace('"4711"', f'{{a: "{MARK}", a: 1}}'),
        GATEWAY.replace("type: Scripted", f"type: {MARK}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, apiKey: {MARK}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, credentialRef: {MARK}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, credentialRef: {{name: x, kind: {MARK}}}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, credentialRef: {{name: '{MARK}!', key: k}}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, authPassthrough: {MARK}"),
        GATEWAY.replace("type: Scripted", f"type: OpenAI, timeouts: {{read: {MARK}}}"),
        GATEWAY.replace("type: Scripted", f"type: VLLM, endpoint: {{url: 'http://u:{MARK}@vllm/v1'}}"),
        GATEWAY + f"  store: {{external: {{url: 'redis://:{MARK}@valkey:6379'}}}}\n",
        GATEWAY + f"  store: {{managed: {{maxmemory: '{MARK}'}}}}\n",
        GATEWAY + f"  auth: {{apiKeys: {{team-a: {MARK}}}}}\n",
        CREDENTIAL + f"  oauth: {{tokenURL: 'http://u:{MARK}@login.example'}}\n",
        CREDENTIAL + f"  refresh: {{requestedAt: {MARK}}}\n",
    ],
)
def test_no_error_repeats_a_secret(text: str) -> None:
    documents = load_documents(text)
    assert documents.errors
    assert MARK not in repr(documents)


def test_values_of_a_secret_are_in_no_repr() -> None:
    documents = load_documents(SECRET.replace('"4711"', MARK))
    assert documents.secrets[0].data["two"] == MARK.encode()
    assert MARK not in repr(documents)


def test_the_exception_of_the_types_repeats_no_input_either() -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        LLMGateway.parse({"metadata": {"name": MARK.upper()}, "spec": {"backends": [{"name": "x", "apiKey": MARK}]}})
    assert MARK not in str(caught.value)
    assert MARK.upper() not in str(caught.value)
