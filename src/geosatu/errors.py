"""What a user can cause. Each message is one plain Indonesian sentence: what, where, and what to do."""

from __future__ import annotations

from datetime import datetime


def shortened(said: str, longest: int = 80) -> str:
    """A user's words, as a message repeats them: in one line, and without what only machines read."""
    plain = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in said[:longest])
    return plain if len(said) <= longest else f"{plain}…"


class GeosatuError(Exception):
    """The root of everything a user can cause; a bug is never one of these."""


class InvalidSettings(GeosatuError):
    """A setting of the environment or of `.env` cannot be used."""


class InvalidCatalogue(GeosatuError):
    """A layer file says something that geosatu does not understand or cannot keep."""


class UnknownLayer(GeosatuError):
    """No layer of this name is in the catalogue."""


class UnknownFeature(GeosatuError):
    """The layer has no feature with this id, or not for this reader."""


class InvalidQuery(GeosatuError):
    """A parameter of a request is not one we know, or its value makes no sense."""


class InvalidFeature(GeosatuError):
    """What was given as a feature's content cannot be kept as it is."""


class StaleEdit(GeosatuError):
    """Somebody else changed the feature since the editor saw it, who may now choose."""

    def __init__(self, message: str, feature: int, version: int, by: str, at: datetime, titles: list[str]) -> None:
        super().__init__(message)
        self.feature, self.version, self.by, self.at, self.titles = feature, version, by, at, titles


class UnreadableFile(GeosatuError):
    """A file is not what its name says, or is too large, or is broken."""


class RefusedChange(GeosatuError):
    """A change was refused as a whole, and nothing of it was kept."""


class NotSignedIn(GeosatuError):
    """This is for people with an account, and the request shows none that holds."""


class NotAllowed(GeosatuError):
    """The account has no right to this."""


class UnknownAccount(GeosatuError):
    """There is no such account, device or token, or it is not this person's."""


class InvalidLink(GeosatuError):
    """An invitation was used, has expired, or never was."""


class TooManyAttempts(GeosatuError):
    """Somebody guesses; the next attempt has to wait."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class DatabaseUnavailable(GeosatuError):
    """The database cannot be reached, or lacks what geosatu needs of it."""


class HomeInUse(GeosatuError):
    """Another geosatu service holds this home."""
