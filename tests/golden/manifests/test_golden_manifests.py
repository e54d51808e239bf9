"""What the operator would apply, case by case. `GOLDEN_REFRESH=1` writes the present answer: read the difference."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml

from support.golden_manifests import cases, expected_of, gateway_of, manifests_of, observed_of, title, write_expected

POD_TEMPLATES = {
    "a-lone-scripted-backend": "516234d603529b5c25e54b52717f5ea6a9f113adff9eb638186fdd793e82a69d",
    "a-volume-never-shrinks": "a7aa998051f3535a249e2068cef230be982dc88bf43bdaac18a4fb8112bd6aeb",
    "secrets-mounted-for-hot-reload": "f31d0cb00c02180b40ffdf3917f047e4cb579df01e04e95ea0dd06876cd919ec",
}
"""SHA-256 of all pod templates of a case. A change rolls the pods of every such gateway when the operator is upgraded:
do not follow it here without a note in CHANGELOG.md."""


@pytest.mark.behaviour("O1", "O2")
@pytest.mark.parametrize("case", cases(), ids=title)
def test_the_manifests_are(case: Path) -> None:
    if os.environ.get("GOLDEN_REFRESH"):
        write_expected(case)
    assert manifests_of(case) == expected_of(case)


@pytest.mark.parametrize("case", cases(), ids=title)
def test_the_same_input_gives_the_same_manifests(case: Path) -> None:
    assert json.dumps(manifests_of(case)) == json.dumps(manifests_of(case))


@pytest.mark.parametrize("name", POD_TEMPLATES)
def test_an_upgrade_of_the_operator_alone_rolls_no_pods(name: str) -> None:
    case = next(each for each in cases() if each.name == name)
    templates = [each["spec"]["template"] for each in manifests_of(case) if each["kind"] == "Deployment"]
    assert hashlib.sha256(json.dumps(templates, sort_keys=True).encode()).hexdigest() == POD_TEMPLATES[name]


@pytest.mark.parametrize("case", cases(), ids=title)
def test_every_child_has_its_owner_and_the_labels_that_pruning_goes_by(case: Path) -> None:
    uid = observed_of(case).uid
    for manifest in manifests_of(case):
        metadata = manifest["metadata"]
        assert [each["uid"] for each in metadata["ownerReferences"] if each["controller"]] == [uid]
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "llmgateway-operator"
        assert metadata["name"].startswith(gateway_of(case).metadata.name)


@pytest.mark.parametrize("case", cases(), ids=title)
def test_no_secret_of_a_user_reaches_a_manifest(case: Path) -> None:
    text = json.dumps(manifests_of(case))
    for values in (yaml.safe_load((case / "observed.yaml").read_text()).get("secrets") or {}).values():
        for value in values.values():
            assert value not in text
            assert base64.b64encode(value.encode()).decode() not in text
