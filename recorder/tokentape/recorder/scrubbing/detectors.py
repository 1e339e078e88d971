"""Yelp's detect-secrets, as a second opinion on what our own rules find.

Only its detectors of shapes are asked. Those of entropy, keywords and public addresses are made for source
code: in prompts, they find a secret on every page.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DETECTORS: Final[tuple[tuple[str, Any], ...]] = (
    ("artifactory-token", ArtifactoryDetector),
    ("aws-key", AWSKeyDetector),
    ("azure-key", AzureStorageKeyDetector),
    ("password", BasicAuthDetector),
    ("cloudant-key", CloudantDetector),
    ("discord-token", DiscordBotTokenDetector),
    ("github-token", GitHubTokenDetector),
    ("gitlab-token", GitLabTokenDetector),
    ("ibm-key", IbmCloudIamDetector),
    ("ibm-key", IbmCosHmacDetector),
    ("jwt", JwtTokenDetector),
    ("mailchimp-key", MailchimpDetector),
    ("npm-token", NpmDetector),
    ("api-key", OpenAIDetector),
    ("private-key", PrivateKeyDetector),
    ("pypi-token", PypiTokenDetector),
    ("sendgrid-key", SendGridDetector),
    ("slack-token", SlackDetector),
    ("softlayer-key", SoftlayerDetector),
    ("square-token", SquareOAuthDetector),
    ("stripe-key", StripeDetector),
    ("telegram-token", TelegramBotTokenDetector),
    ("twilio-key", TwilioKeyDetector),
)
"""Each with the kind that our own rules give to such a secret, where they know it."""

_NO_SECRET: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:[a-z]+_[A-Za-z0-9]{20,40}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![A-Za-z0-9])"
    r"|[A-Za-z0-9+/]{120,}={0,2}"
)
"""Ids of the API (`msg_`, `toolu_`, `req_`), hashes, and base64 runs."""
_LEAST: Final = 16
"""Characters of a line in which a detector can find anything."""

_KNOWN: Final = 2048
"""Characters of a line that is remembered."""
_VALUE_LEAST: Final = 8
"""Characters of a pattern's group that is the secret itself, and not the prefix it is known by."""

_OWN_PREFIX: Final = re.compile(r"(?:gh[pousr]|npm|hf|sk|rk|live|test|sq0[a-z]*|wrkspc)_")


@functools.cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, pattern) for kind, detector in _DETECTORS for pattern in _denylist(detector()))


def _denylist(detector: Any) -> Iterable[re.Pattern[str]]:
    """A detector's patterns; what they match is not said by its types."""
    return detector.denylist  # type: ignore[no-any-return]  # as the docstring says


def detect(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each secret that a detector sees in a decoded text."""
    for line in text.splitlines():
        if len(line) >= _LEAST:
            yield from _in_known_line(line) if len(line) <= _KNOWN else _in_line(line)


def _in_line(line: str) -> tuple[tuple[str, str], ...]:
    cleared = _NO_SECRET.sub(_kept, line)
    return tuple(
        (kind, _value(match)) for kind, pattern in _patterns() for match in pattern.finditer(cleared)
    )


_in_known_line = functools.lru_cache(maxsize=16_384)(_in_line)
"""A conversation says its lines again with every call."""


def _value(match: re.Match[str]) -> str:
    """The group that is the secret itself, where a pattern has one."""
    value = max((group or "" for group in match.groups()), key=len, default="")
    return value if len(value) >= _VALUE_LEAST else match[0]


def _kept(match: re.Match[str]) -> str:
    """A token whose prefix is an issuer's stays; an id becomes a word."""
    return match[0] if _OWN_PREFIX.match(match[0]) else "id"
