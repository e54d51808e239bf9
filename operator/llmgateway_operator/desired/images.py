"""Image references: what the spec says, completed by the operator's choice."""

from __future__ import annotations

from typing import NamedTuple

from llmgateway_api import Image


class ImageParts(NamedTuple):
    """`repository[:tag][@digest]`; empty where there is none."""

    repository: str
    tag: str
    digest: str


def parse_image(reference: str) -> ImageParts:
    """Takes a reference apart; a colon before the last slash belongs to a port."""
    rest, _, digest = reference.partition("@")
    folder, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageParts(f"{folder}{slash}{name}", tag, digest)


def image_reference(image: Image, default: str) -> str:
    """The full reference. A repository of one's own without tag and digest means the default's tag."""
    fallback = parse_image(default)
    repository = image.repository or fallback.repository
    chosen = image.tag is not None or image.digest is not None
    digest = image.digest or ("" if chosen or image.repository else fallback.digest)
    tag = image.tag or ("" if chosen else fallback.tag)
    if digest:
        return f"{repository}@{digest}"
    return f"{repository}:{tag}" if tag else repository
