"""The environment, read once. Everything else is handed a `Settings`."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from geosatu.errors import InvalidSettings
from geosatu.validation import first_fault


class Settings(BaseSettings):
    """What the operator may choose, as `GEOSATU_<NAME>` in the environment or in `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="GEOSATU_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr | None = None
    """A PostgreSQL server to use; absent: geosatu runs its own cluster under `home`."""
    home: Path = Path(".geosatu")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    layers: Path = Path("layers")
    geodata: Path = Path("geodata")
    public_url: str | None = None
    """The address that users see when a proxy stands in front; absent: the address of the request."""
    trusted_proxies: str = ""
    """Addresses or networks of proxies, with commas, whose word on where a request comes from is taken."""
    basemap: str | None = None
    """A tile address with {z}, {x} and {y}; absent: the map shows our own layers only."""
    basemap_attribution: str = ""
    oidc_issuer: str | None = None
    """The city's single sign-on (OpenID Connect); absent: people sign in with passwords of ours only."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    max_file_mb: int = Field(512, gt=0)
    """The largest file that an import reads."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, said: str) -> str:
        """Of proxies; `*` would believe everybody, and a name nobody."""
        try:
            for each in said.split(",") if said else ():
                ip_network(each.strip())
        except ValueError:
            raise ValueError("harus alamat IP atau jaringan, dipisah koma, misalnya 127.0.0.1,10.0.0.0/8") from None
        return said

    @classmethod
    def from_env(cls) -> Self:
        """The settings, or one sentence about the first one that cannot be used."""
        try:
            return cls()
        except ValidationError as error:
            key, reason = first_fault(error)
            raise InvalidSettings(f"Pengaturan GEOSATU_{key.upper()} tidak dapat dipakai: {reason}.") from None
        except UnicodeDecodeError:
            raise InvalidSettings("Berkas .env bukan teks UTF-8; simpan ulang sebagai UTF-8.") from None
