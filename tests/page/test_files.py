"""The live page's files: how they are served, and what none of them may hold."""

import re
from importlib.resources import files

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from node.api import assets

PAGE = files("node.api") / "page"
NAMES = sorted(one.name for one in PAGE.iterdir())


def client() -> TestClient:
    return TestClient(Starlette(routes=assets.routes()))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_served_under_the_policy_and_once(name: str) -> None:
    path = "/" if name == "index.html" else f"/page/{name}"
    reply = client().get(path)
    assert reply.status_code == 200 and reply.text == (PAGE / name).read_text("utf-8")
    assert reply.headers["content-type"] == assets.KINDS[name.rpartition(".")[2]]
    policy = reply.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert not re.search(r"unsafe|\*|https?:|data:", reply.headers["content-security-policy"])
    assert reply.headers["x-content-type-options"] == "nosniff"
    again = client().get(path, headers={"if-none-match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_is_at_the_root_and_nothing_else_is_under_it() -> None:
    assert client().get("/").text == (PAGE / "index.html").read_text("utf-8")
    for path in ("/page/", "/page/../app.py", "/page/%2e%2e/app.py", "/page/keys.py"):
        assert client().get(path).status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_no_file_turns_text_into_markup_or_asks_elsewhere(name: str) -> None:
    text = (PAGE / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    for word in (
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("),
        *(
            "new Function",
            "createContextualFragment",
            "srcdoc",
            "localStorage",
            "http://",
            "https://",
        ),
    ):
        assert word not in text
    if name.endswith(".html"):
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*src=)", text)


def test_every_file_that_the_page_names_is_there() -> None:
    named = {
        name.rpartition("/")[2]
        for one in NAMES
        for name in re.findall(r'"(?:/page|\.)/([\w./]+)"', (PAGE / one).read_text("utf-8"))
    }
    assert named | {"index.html"} == set(NAMES)
