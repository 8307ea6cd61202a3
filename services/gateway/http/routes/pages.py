"""`/` and `/docs`: what this is and what the API has, as plain pages that ask nothing of anybody else."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#222;background:#fff}"
    "code,pre{font-family:ui-monospace,monospace;background:#f4f4f4;padding:.1rem .3rem}"
    "pre{padding:.8rem;overflow-x:auto}"
    "h2{margin-top:2rem}dt{margin-top:1rem}dd{margin-left:1.5rem}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}code,pre{background:#262626}a{color:#8cf}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"}
_WELCOME = """
<p>Quire takes piles of documents, extracts what you asked for with a language model, and tells the truth about every
one of them while it happens.</p>
<p>The API answers under <code>/v1</code>: <a href="/docs">its operations</a>, the same as
<a href="/openapi.json">OpenAPI</a>, and <a href="/v1/errors">every error with its way out</a>.</p>
<pre>curl -H "Authorization: Bearer $QUIRE_API_KEY" \\
     -F prompt="invoice number, date, total" -F file=@invoice.pdf \\
     http://HOST/v1/batches:extract</pre>
"""


@router.get("/")
async def welcome() -> Response:
    """Say what this is and where the API is."""
    return _page("Quire", _WELCOME)


@router.get("/docs")
async def operations(request: Request) -> Response:
    """List the operations of the OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    listed = "".join(_operation(*item) for item in _operations(document))
    return _page("Quire API", f'<p>From <a href="/openapi.json">openapi.json</a>.</p><dl>{listed}</dl>')


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = [f"<code>{escape(item['name'])}</code> ({item['in']})" for item in operation.get("parameters", [])]
    body = operation.get("requestBody", {}).get("content", {})
    lines = [escape(operation.get("description", ""))]
    if parameters:
        lines.append("Takes " + ", ".join(parameters) + ".")
    if body:
        lines.append("Body: " + ", ".join(f"<code>{escape(kind)}</code>" for kind in body) + ".")
    return f"<dt><code>{method} {escape(path)}</code></dt><dd>{'<br>'.join(lines)}</dd>"


def _page(title: str, body: str) -> Response:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    html = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head>'
    html += f"<body><h1>{title}</h1>{body}</body></html>"
    return Response(html, headers=_HEADERS, media_type="text/html")
