"""A real Chromium on a real server, with the test's own database.

``pytest tests/browser --screenshots DIRECTORY`` keeps the pictures that the documentation uses.
"""

from __future__ import annotations

import os
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

from tests.support.browser import DESK, PASSWORD, PHONE, Complaints

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, metavar="DIRECTORY", help="keep the browser tests' pictures there")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while Playwright's loop is there, nothing in this process may start another."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine (on Debian: apt install chromium)")
    # Playwright's loop runs in this very thread, which Django takes for a danger to its connections.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as it:
        yield it
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session", autouse=True)
def _place_for_static_files() -> None:
    """The server that all tests share looks for it when it starts."""
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _as_the_server_needs_it(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


PATIENCE_MILLISECONDS = 20_000
expect.set_options(PATIENCE_MILLISECONDS)

type Opener = Callable[..., Page]


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_page(browser: Browser, live_server: Any, complaints: Complaints) -> Iterator[Opener]:
    """Open a page of a fresh profile: ``open_page(viewport=PHONE, color_scheme="dark")``.

    Whatever any of them complains about fails the test: errors on the console, exceptions, requests that fail.
    """
    contexts = []

    def listen(page: Page) -> None:
        def said(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                complaints.append(f"console: {message.text}")

        def failed(request: Request) -> None:
            # A page that is left gives up what it was loading.
            if request.failure != "net::ERR_ABORTED":
                complaints.append(f"request: {request.url} {request.failure}")

        def answered(response: Response) -> None:
            if response.status >= 400:
                complaints.append(f"response: {response.url} {response.status}")

        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("requestfailed", failed)
        page.on("response", answered)

    def opened(**options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **({"viewport": DESK} | options))
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.on("page", listen)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def sign_in() -> Callable[[Page, User], Page]:
    """Through the form, as people do; the user's password is ``PASSWORD``."""

    def signed_in(page: Page, user: User) -> Page:
        page.goto("/admin/login/")
        page.get_by_label("Username").fill(user.get_username())
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    return signed_in


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def desk(open_page: Opener, sign_in: Callable[[Page, User], Page], boss: User) -> Page:
    """A superuser's page on a desk."""
    return sign_in(open_page(), boss)


@pytest.fixture
def phone(open_page: Opener, sign_in: Callable[[Page, User], Page], boss: User) -> Page:
    """A superuser's page on a phone."""
    return sign_in(open_page(viewport=PHONE, has_touch=True, is_mobile=True), boss)


@pytest.fixture
def check_accessible() -> Callable[[Page], None]:
    """Fail for what axe-core holds to be a serious obstacle to people with disabilities."""

    def check(page: Page) -> None:
        violations = Axe().run(page).response["violations"]
        assert [
            f"{each['id']}: {each['help']}: {node['html'][:200]}"
            for each in violations
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ] == []

    return check


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keep a picture under a name, if pictures were asked for: as WebP, since PNG takes three times the space."""
    directory: Path | None = request.config.getoption("--screenshots")

    def keep(page: Page, name: str) -> None:
        if directory:
            taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": 80})
            (directory / f"{name}.webp").write_bytes(b64decode(taken["data"]))

    return keep
