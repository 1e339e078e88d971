r"""Tokens that are known by their own shape.

Shapes as their issuers document them:
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (AKIA, ASIA)
https://docs.slack.dev/authentication/tokens, https://docs.stripe.com/keys, RFC 7519 (JWT),
RFC 7468 (private keys).
"""

from __future__ import annotations

import re
from typing import Final

from tokentape.recorder.scrubbing.rules import UUID, Rule, plain, shape

_WORD: Final = r"A-Za-z0-9_-"
_ALNUM: Final = r"A-Za-z0-9"

# A block of base64 lines, whose line ends are bytes or escapes of any depth; no quote can be inside. One
# that never ends is its lines.
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:[^\"']{0,20000}?-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=:,\\\r\n -]*)"
)

SHAPES: Final = (
    # No word ends in `sk-ant-`, so whatever stands before it does not matter.
    Rule(
        kind="api-key",
        anchor=b"sk-",
        pattern=re.compile(rb"sk-ant-[A-Za-z0-9_-]{8,}"),
        cut=re.compile(rb"sk-ant-[A-Za-z0-9_-]*\Z"),
    ),
    plain(
        "api-key", "sk-", r"sk-(?!ant-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}", cut=r"sk-[A-Za-z0-9_-]{4,}"
    ),
    shape("aws-key", "AKIA", "A-Z0-9", 16, exactly=True),
    shape("aws-key", "ASIA", "A-Z0-9", 16, exactly=True),
    plain("github-token", "gh", r"gh[pousr]_[A-Za-z0-9]{36,}", cut=r"gh[pousr]_[A-Za-z0-9]*"),
    shape("github-token", "github_pat_", "A-Za-z0-9_", 22),
    shape("gitlab-token", "glpat-", _WORD, 20),
    shape("google-key", "AIza", _WORD, 35, exactly=True),
    shape("google-key", "GOCSPX-", _WORD, 20),
    shape("google-token", "ya29.", r"A-Za-z0-9._-", 20),
    plain("slack-token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}", cut=r"xox[abeoprs]-[A-Za-z0-9-]*"),
    plain(
        "slack-hook", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/_-]{20,})"
    ),
    plain("stripe-key", "sk_", r"sk_(?:live|test)_[A-Za-z0-9]{16,}", cut=r"sk_(?:live|test)_[A-Za-z0-9]*"),
    shape("stripe-key", "rk_live_", _ALNUM, 16),
    shape("npm-token", "npm_", _ALNUM, 36),
    shape("pypi-token", "pypi-", _WORD, 50),
    shape("hugging-face-token", "hf_", _ALNUM, 30),
    plain(
        "sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", cut=r"SG\.[A-Za-z0-9_.-]{12,}"
    ),
    plain(
        "jwt",
        "eyJ",
        r"eyJ[A-Za-z0-9_-]{10,}(?:(?:\.[A-Za-z0-9_-]+){2,4}|\.eyJ[A-Za-z0-9_-]+\.?)",
        cut=r"eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)*",
    ),
    Rule(kind="private-key", anchor=b"-----BEGIN ", pattern=_PRIVATE_KEY, cut=_PRIVATE_KEY),
    shape("workspace-id", "wrkspc_", _ALNUM, 8),
    # Claude Code's `metadata.user_id`, wherever it is repeated.
    plain(
        "user-id",
        "user_",
        rf"user_[0-9a-f]{{64}}_account_(?:{UUID.decode()})?_session_{UUID.decode()}",
        cut=r"user_[0-9a-f]{16,64}[a-z0-9_-]*",
    ),
)
"""Case matters in all of them."""
