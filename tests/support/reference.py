"""A slow, obvious model of a whole plan: the oracle of the engine.

Plain dicts and loops over single records, written from the rules alone. `Model(config).plan(…)` says what a plan must
come to; `ModelStore.apply(plan)` what the store must hold afterwards. Over 300 lines, since an oracle is believed when it
can be read from the top to the bottom, beside the rules.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rostersync.errors import Permanent
from rostersync.model import Entity, EntityCounts
from rostersync.roster import BY_ENTITY, BY_NAME, RANK, ROLES, TABLES
from support.reference_gate import holds_of
from support.reference_rows import TORN, one_of_each
from support.reference_schools import Orgs, OrgsRead, is_removed, is_school, map_schools
from support.reference_shape import Record, apply_filters, map_attributes, mapped_value
