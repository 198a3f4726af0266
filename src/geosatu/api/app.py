"""The application: the doors, the errors, and what all answers share."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware

from geosatu.api import ogc, pages
from geosatu.api.context import City
from geosatu.api.problems import register_problems
from geosatu.layers import Catalogue
from geosatu.settings import Settings


def create_app(settings: Settings, catalogue: Catalogue, engine: Engine) -> FastAPI:
    """The service over a prepared database."""
    app = FastAPI(title="geosatu", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.city = City(settings, catalogue, engine)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.include_router(ogc.router, prefix="/ogc")
    app.include_router(pages.router)
    register_problems(app)
    return app
