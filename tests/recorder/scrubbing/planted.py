"""Secrets of every kind, none of them real, put together here so that no scanner takes them for real ones."""

from __future__ import annotations

import base64
import json

_UUID = "0f7b5c1e-9d2a-4c3b-8a65-2f1f0c9d7e44"
_HEX64 = "3727d955d07d2160bfdf6a3f83e128e3106b0ac4bcf1d622eda611c967c8b9c2"
_MIXED = "Zq7Lw2Rk9Xv4Tn8Bs3Hd6Fj1Mc5Pg0YaUeIoQtWr"

_LINES = "\n".join(base64.b64encode(bytes(range(start, start + 48))).decode() for start in (0, 48, 96))

SHAPED = {
    "anthropic": f"sk-ant-api03-{_MIXED}-{_MIXED[:20]}_AA",
    "anthropic oauth": f"sk-ant-oat01-{_MIXED}",
    "openai": f"sk-proj-{_MIXED}",
    "aws": "AKIA" + "Q3EGRZ7XN2PLM5TB",
    "aws temporary": "ASIA" + "Q3EGRZ7XN2PLM5TB",
    "github": "ghp_" + _MIXED[:36],
    "github server": "ghs_" + _MIXED[:36],
    "github fine-grained": f"github_pat_11{_MIXED}_{_MIXED[:30]}",
    "gitlab": "glpat-" + _MIXED[:20],
    "google": "AIza" + _MIXED[:35],
    "google client": "GOCSPX-" + _MIXED[:28],
    "google oauth": f"ya29.{_MIXED}",
    "slack": f"xoxb-123456789012-{_MIXED[:24]}",
    "stripe": "sk_live_" + _MIXED[:24],
    "stripe restricted": "rk_live_" + _MIXED[:24],
    "npm": "npm_" + _MIXED[:36],
    "pypi": "pypi-AgEIcHlwaS5vcmc" + _MIXED,
    "hugging face": "hf_" + _MIXED[:34],
    "sendgrid": f"SG.{_MIXED[:22]}.{_MIXED}abc",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{_MIXED}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{_LINES}\n-----END RSA PRIVATE KEY-----",
    "workspace": "wrkspc_01" + _MIXED[:22],
    "claude code user": f"user_{_HEX64}_account_{_UUID}_session_{_UUID}",
}
"""Known by themselves, wherever they stand."""

VALUE = "hunter2Correct9Horse"
"""A secret without any shape of its own."""

IN_TEXT = {
    "bearer": f"curl -H 'Authorization: Bearer {VALUE}' https://example.com",
    "basic": f"Authorization: Basic {VALUE}",
    "api key header": f"x-api-key: {VALUE}",
    "environment": f"export MY_SERVICE_API_KEY={VALUE}",
    "client secret": f"client_secret = '{VALUE}'",
    "aws secret": f"AWS_SECRET_ACCESS_KEY={VALUE}",
    "password": f"db_password: {VALUE}",
    "cookie": f"Set-Cookie: session={VALUE}; Path=/",
    "user and password": f"see postgres://app:{VALUE}@db.example.com/main",
    "signed link": f"https://bucket.example.com/file?X-Amz-Signature={VALUE}&x=1",
    "token link": f"https://example.com/?a=1&access_token={VALUE}",
    "organisation": f"This request would exceed your organization's ({_UUID}) rate limit",
    "json in text": json.dumps({"auth": {"api_key": VALUE}}),
    "json in json in text": json.dumps({"result": json.dumps({"password": VALUE})}),
}
"""Known by what stands before them in a text."""

IN_MEMBERS = (
    "authorization_token",
    "access_token",
    "refresh_token",
    "client_secret",
    "api_key",
    "apiKey",
    "x-api-key",
    "db_password",
    "passphrase",
    "private_key",
    "aws_secret_access_key",
)
"""Members of a JSON document whose values are secrets."""


def secret_of(text: str) -> str:
    """What of a text above must not be left anywhere."""
    return VALUE if VALUE in text else _UUID if "organization" in text else text
