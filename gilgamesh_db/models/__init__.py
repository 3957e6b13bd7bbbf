"""The tables as SQLAlchemy models, for those who want the ORM.

Read through them freely. History (wiring, calibrations, the tree …) is edited through
`gilgamesh_db.Database.edit`, which keeps what was known before; relationships are
therefore view-only.

Examples
--------
>>> from sqlalchemy import select
>>> from gilgamesh_db.models import Connection, Signal
>>> str(select(Signal.name).join(Connection).where(Signal.unit == "A")).splitlines()[0]
'SELECT gilgamesh.signal.name '
"""

from .arrival import Arrival
from .base import Base, History, Stated
from .bibliography import BibliographyPassage, Reference, ReferenceDocument, ReferenceTag, ReferenceText
from .component import Component, Placement, Port, Property, Unit
from .history import Edit, LaidObject
from .layout import Layout
from .logbook import LogEntry, QualityFlag
from .notebook import NotebookBlob, NotebookCell, NotebookCitation, NotebookInput, NotebookVersion
from .person import Audit, Credential, Person
from .release import DataCitation, DataCitationInput, Release
from .revision import Amendment, TestbedRevision, TestbedVersion
from .series import AttributeInput, Pyramid, Run, RunInput, Segment, Series, Source
from .shot import Attribute, AttributeValue, Program, Shot
from .signal import Alias, Calibration, Connection, Definition, Signal, Timing
from .stream import Stream, StreamAggregate, StreamSegment, StreamTail

__all__ = [
    "Alias",
    "Amendment",
    "Arrival",
    "Attribute",
    "AttributeInput",
    "AttributeValue",
    "Audit",
    "Base",
    "BibliographyPassage",
    "Calibration",
    "Component",
    "Connection",
    "Credential",
    "DataCitation",
    "DataCitationInput",
    "Definition",
    "Edit",
    "History",
    "LaidObject",
    "Layout",
    "LogEntry",
    "NotebookBlob",
    "NotebookCell",
    "NotebookCitation",
    "NotebookInput",
    "NotebookVersion",
    "Person",
    "Placement",
    "Port",
    "Program",
    "Property",
    "Pyramid",
    "QualityFlag",
    "Reference",
    "ReferenceDocument",
    "ReferenceTag",
    "ReferenceText",
    "Release",
    "Run",
    "RunInput",
    "Segment",
    "Series",
    "Shot",
    "Signal",
    "Source",
    "Stated",
    "Stream",
    "StreamAggregate",
    "StreamSegment",
    "StreamTail",
    "TestbedRevision",
    "TestbedVersion",
    "Timing",
    "Unit",
]
