"""The kinds of store, by the field of `spec.store` that names them."""

from collections.abc import Callable

from rostersync.stores.embedded import EmbeddedStore
from rostersync.stores.port import Store

STORES: dict[str, Callable[..., Store]] = {"embedded": EmbeddedStore}
