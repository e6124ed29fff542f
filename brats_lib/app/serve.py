"""The server: Streamlit's, with our options, a bound on what it is sent, and security headers."""

import asyncio
import base64
import contextlib
import hashlib
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from streamlit.cli_util import open_browser
from streamlit.file_util import get_static_dir

from brats_lib.app import ADDRESS, session
from brats_lib.app.archives import MAX_ARCHIVE_MB

logger = logging.getLogger(__name__)

OPTIONS = {
    "server.address": ADDRESS,
    # A page of somewhere else must not reach the server by a name that it made point here.
    "server.allowedHosts": ["localhost", ADDRESS],
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.enableAgentApi": False,
    "server.baseUrlPath": "",
    # In MB, and more than anybody has: the browser would keep to itself what it refuses, and go on with the file before
    # it. `bounded` sees to it that no more than ours arrives.
    "server.maxUploadSize": 10**6,
    # In seconds. Sessions end when `session.sweep` says so.
    "server.disconnectedSessionTTL": 10**6,
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": False,
    "logger.hideWelcomeMessage": True,
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    # Errors that nobody foresaw go to the terminal, with the paths they hold.
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    # Scans are looked at in the dark.
    "theme.base": "dark",
    "theme.primaryColor": "#18b880",
    "theme.backgroundColor": "#101418",
    "theme.secondaryBackgroundColor": "#1a2027",
}


def _inline_scripts():
    """Hashes of the inline scripts of Streamlit's page, as a content security policy lists them."""
    page = Path(get_static_dir(), "index.html").read_text("utf-8")
    for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL):
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


_POLICY = {
    "default-src": "'none'",
    # Streamlit hands a component's script, such as ours for the wheel, to the browser as a blob.
    "script-src": " ".join(["'self'", "blob:", *_inline_scripts()]),
    # Streamlit's components write their styles into the page.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in _POLICY.items()),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_SWEEP_EVERY_S = 5


def bounded(app: Callable, most: int = (MAX_ARCHIVE_MB + 1) * 2**20) -> Callable:
    """Wrap an ASGI application: answers get `HEADERS`, and of a file that is sent at most so many bytes arrive.

    What is too long is read to its end and ends early for the application, which then sees that it is too long.
    """

    async def call(scope, receive, send):
        left = most

        async def receive_some():
            nonlocal left
            message = await receive()
            body = message.get("body", b"")
            if len(body) <= left:
                left -= len(body)
                return message
            while message.get("more_body"):
                message = await receive()
            # The end of a form whose last part is a file.
            boundary = Headers(scope=scope).get("content-type", "").rpartition("boundary=")[2].strip('"')
            return {"type": "http.request", "body": body[:left] + f"\r\n--{boundary}--\r\n".encode()}

        async def send_more(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # Streamlit's scripts may stay in the browser, pages and pictures of scans may not.
                if not headers.get("cache-control", "").startswith("public"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        through = (receive_some, send_more) if scope["type"] == "http" else (receive, send)
        await app(scope, *through)

    return call


def run(cohort: str | Path, port: int, browser: bool) -> None:
    """Serve the cases of a folder until somebody ends it; opens a browser if asked to."""

    @contextlib.asynccontextmanager
    async def alive(app):
        sweeping = asyncio.create_task(_sweep())
        if browser:
            open_browser(f"http://localhost:{port}")
        yield
        sweeping.cancel()

    script = Path(__file__).with_name("main.py")
    sys.argv = [str(script), str(cohort)]
    app = st.App(script, lifespan=alive, middleware=[Middleware(bounded)], exception_handlers={OSError: _no_room})
    app.run(config=OPTIONS | {"server.port": port, "server.headless": not browser})


async def _no_room(request, error):
    """What the browser is told where a file cannot be kept; the uploader shows that it failed, and gives no file."""
    return PlainTextResponse(f"It cannot be kept ({error.strerror})", 507)


async def _sweep():
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        try:
            session.sweep()
        except Exception:  # the next sweep must come, whatever one session did
            logger.exception("what closed pages left could not be removed")
