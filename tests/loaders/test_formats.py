"""A file is told by its content, then by its name; what is no record is refused with a letter."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from textwrap import dedent

import pytest

from gilgamesh_db.errors import FileRefused, InvalidValue, SystemFault
from gilgamesh_loaders.formats import Format, Hints, decoded, known_formats, parsing, read_plan, read_plans, shown
from gilgamesh_loaders.plan import ShotPlan

HINTS = Hints(shot=7, started_at=datetime(2026, 3, 1, tzinfo=UTC), device="scope")
TABLE = "Time (s),CH1 (V)\n0,1.5\n0.1,2.5\n0.2,3.5\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path, where a test installs a distribution of its own."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    known_formats.cache_clear()
    yield site
    known_formats.cache_clear()
    for module in ("lab_formats", "other_formats"):
        sys.modules.pop(module, None)


def install(site: Path, distribution: str, entry_points: str, module: str = "", content: str = "") -> None:
    described = site / f"{distribution}-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(f"[gilgamesh.formats]\n{entry_points}\n")
    if module:
        (site / f"{module}.py").write_text(dedent(content))


LAB_FORMAT = """
    from gilgamesh_loaders import csv

    class Lab:
        name = "{name}"
        extensions = (".lab",)
        description = "what our own digitiser writes"

        def recognises(self, path, head):
            return head.startswith(b"{mark}")

        def read(self, path, hints):
            return csv.FORMAT.read(path, hints)

    FORMAT = Lab()
"""


class TestRegistry:
    def test_our_own_formats_are_declared(self) -> None:
        formats = known_formats()
        assert {"comtrade", "csv", "testbed-hdf5"} <= set(formats)
        assert all(isinstance(one, Format) and name == one.name for name, one in formats.items())

    def test_a_lab_adds_one_by_declaring_it(self, site: Path, tmp_path: Path) -> None:
        install(site, "lab", "lab = lab_formats:FORMAT", "lab_formats", LAB_FORMAT.format(name="lab", mark="#LAB"))
        assert "lab" in known_formats()
        record = tmp_path / "r.xyz"
        record.write_text("#LAB\n\0")
        with pytest.raises(FileRefused, match="zero bytes"):  # says its reader, chosen by the mark alone
            read_plan(record, HINTS)

    def test_a_broken_one_is_named(self, site: Path) -> None:
        install(site, "lab", "lab = lab_formats:FORMAT")
        with pytest.raises(SystemFault, match=r"'lab' of lab cannot be imported.*lab_formats"):
            known_formats()

    def test_what_is_no_format_is_named(self, site: Path) -> None:
        install(site, "lab", "lab = lab_formats:FORMAT", "lab_formats", "FORMAT = 'csv'")
        with pytest.raises(SystemFault, match=r"lab_formats:FORMAT of lab is no format"):
            known_formats()

    def test_two_of_one_name_are_refused(self, site: Path) -> None:
        install(site, "lab", "x = lab_formats:FORMAT", "lab_formats", LAB_FORMAT.format(name="csv", mark="#LAB"))
        with pytest.raises(SystemFault, match="two packages declare the format 'csv'"):
            known_formats()


class TestDetection:
    def test_content_comes_before_the_extension(self, tmp_path: Path) -> None:
        path = tmp_path / "table.h5"
        path.write_text(TABLE)
        assert read_plan(path, HINTS).source.format == "csv"

    def test_the_extension_decides_what_content_leaves_open(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_text("Time (s),CH1 (V)\n0,1.5\n0.1,oops\n")
        with pytest.raises(FileRefused, match=r"line 3: 'oops' is not a number"):
            read_plan(path, HINTS)

    def test_the_caller_decides_over_both(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_text(TABLE)
        with pytest.raises(FileRefused, match="cannot be read as HDF5"):
            read_plan(path, HINTS, format="testbed-hdf5")

    def test_an_unknown_name_suggests_near_ones(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_text(TABLE)
        with pytest.raises(FileRefused, match="no format 'comtrad'; did you mean 'comtrade'"):
            read_plan(path, HINTS, format="comtrad")

    def test_two_that_recognise_a_file_are_both_named(self, site: Path, tmp_path: Path) -> None:
        for number, distribution in enumerate(("lab", "other")):
            lab = LAB_FORMAT.format(name=distribution, mark="#LAB")
            install(site, distribution, f"x{number} = {distribution}_formats:FORMAT", f"{distribution}_formats", lab)
        record = tmp_path / "r.lab"
        record.write_text("#LAB\n")
        with pytest.raises(FileRefused, match="'lab' or 'other'; say which with --format"):
            read_plan(record, HINTS)

    def test_the_unrecognised_hears_what_is_known(self, tmp_path: Path) -> None:
        path = tmp_path / "picture.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        with pytest.raises(FileRefused) as refusal:
            read_plan(path, HINTS)
        letter = str(refusal.value)
        assert str(path) in letter
        assert "PNG" in letter
        for name, one in known_formats().items():
            assert f"{name}: {one.description}" in letter


SEVERAL = """
    from dataclasses import replace

    from gilgamesh_loaders import csv

    class Several:
        name = "several"
        extensions = (".sev",)
        description = "the same table as two shots"

        def recognises(self, path, head):
            return path.suffix == ".sev"

        def read(self, path, hints):
            return self.read_all(path, hints)[0]

        def read_all(self, path, hints):
            plan = csv.FORMAT.read(path, hints)
            source = replace(plan.source, shots=(7, 8))
            return tuple(replace(plan, number=shot, source=source, notes=("as told",)) for shot in source.shots)

    FORMAT = Several()
"""


class TestSeveralShots:
    def test_all_come_from_one_file(self, site: Path, tmp_path: Path) -> None:
        install(site, "lab", "several = lab_formats:FORMAT", "lab_formats", SEVERAL)
        record = tmp_path / "r.sev"
        record.write_text(TABLE)
        plans = read_plans(record, HINTS)
        assert [(one.number, one.source.shots, one.notes) for one in plans] == [
            (7, (7, 8), ("as told",)), (8, (7, 8), ("as told",))
        ]  # fmt: skip
        with pytest.raises(FileRefused, match=r"holds 2 shots, 7 to 8; say which with --shot"):
            read_plan(record, HINTS)

    def test_most_files_hold_one(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_text(TABLE)
        assert [one.number for one in read_plans(path, HINTS)] == [7]


class TestParsing:
    def test_whatever_a_library_raises_is_a_refusal(self) -> None:
        with pytest.raises(FileRefused, match=r"a\.x cannot be read as X, it is damaged or was cut \(IndexError\)"), parsing(Path("a.x"), "X"):  # fmt: skip
            raise IndexError
        with pytest.raises(InvalidValue, match="ours"), parsing(Path("a.x"), "X"):
            raise InvalidValue("ours")


@pytest.mark.parametrize("name", [None, "comtrade", "csv", "testbed-hdf5"])
class TestUnreadable:
    def refusal(self, path: Path, name: str | None) -> str:
        with pytest.raises(FileRefused) as refused:
            read_plan(path, HINTS, name)
        assert str(path) in str(refused.value)
        return str(refused.value)

    def test_missing(self, tmp_path: Path, name: str | None) -> None:
        assert "there is no file" in self.refusal(tmp_path / "none.csv", name)

    def test_directory(self, tmp_path: Path, name: str | None) -> None:
        assert "is a directory" in self.refusal(tmp_path, name)

    def test_empty(self, tmp_path: Path, name: str | None) -> None:
        path = tmp_path / "1.csv"
        path.touch()
        assert "is empty" in self.refusal(path, name)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_forbidden(self, tmp_path: Path, name: str | None) -> None:
        path = tmp_path / "1.csv"
        path.write_text(TABLE)
        path.chmod(0)
        assert "Permission denied" in self.refusal(path, name)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_pipe(self, tmp_path: Path, name: str | None) -> None:
        path = tmp_path / "pipe.csv"
        os.mkfifo(path)
        assert "not a regular file" in self.refusal(path, name)

    @pytest.mark.parametrize("content", [b"\0", b"\xff" * 9000, b"a" * 9000, b"\n\n\n", b"1\n2,3\n", b'"', b"1,A\n"])
    def test_rubbish(self, tmp_path: Path, name: str | None, content: bytes) -> None:
        path = tmp_path / "1.csv"
        path.write_bytes(content)
        self.refusal(path, name)


class TestHints:
    @pytest.mark.parametrize("stem", ["shot_1234", "1234", "Shot 1234", "shot-1234", "SHOT1234"])
    def test_a_file_may_be_named_after_its_shot(self, stem: str) -> None:
        assert Hints().shot_number(Path(f"/data/{stem}.csv")) == 1234

    @pytest.mark.parametrize("stem", ["DS1102E-B", "12 34", "run_12_a", "snapshot_12"])
    def test_a_number_somewhere_is_no_shot(self, stem: str) -> None:
        with pytest.raises(FileRefused, match=r"give --shot \(shot=\), or a name like 'shot_1234\.csv'"):
            Hints().shot_number(Path(f"{stem}.csv"))

    def test_the_hint_comes_before_the_name_and_the_file_before_both(self) -> None:
        assert Hints(shot=5).shot_number(Path("shot_6.h5")) == 5
        assert Hints().shot_number(Path("shot_6.h5"), in_file=7) == 7
        with pytest.raises(FileRefused, match="says it is shot 7; shot 5 was asked for"):
            Hints(shot=5).shot_number(Path("shot_6.h5"), in_file=7)

    def test_a_time_without_zone_is_read_in_the_hinted_one(self) -> None:
        noon, kolkata = datetime(2026, 3, 1, 12), timezone(timedelta(hours=5, minutes=30))
        assert Hints(timezone=kolkata).trigger_time(Path("a"), noon) == noon.replace(tzinfo=kolkata)
        assert Hints(started_at=noon).trigger_time(Path("a")) == noon.replace(tzinfo=UTC)
        assert Hints(timezone=kolkata).trigger_time(Path("a"), noon.replace(tzinfo=UTC)).utcoffset() == timedelta(0)

    def test_nothing_is_guessed(self) -> None:
        with pytest.raises(FileRefused, match="give --started-at"):
            Hints().trigger_time(Path("a"))


class TestText:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1"])
    def test_encodings_of_instruments(self, encoding: str) -> None:
        assert decoded("Estação, µV\r\n".encode(encoding) + b"\x1a") == "Estação, µV\n"

    def test_every_byte_is_some_letter(self) -> None:
        assert len(decoded(b"\xe7\x81")) == 2

    def test_any_path_can_be_shown(self) -> None:
        assert shown(Path("a\udcff.csv")) == "a\\udcff.csv"


def test_what_a_plan_refuses_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("CH1", "x" * 300))
    with pytest.raises(FileRefused, match=r"table\.csv: the channel 'xxx.*300 characters") as refused:
        read_plan(path, HINTS)
    assert isinstance(refused.value.__cause__, InvalidValue)


def test_a_plan_says_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    plan = read_plan(str(path), HINTS)
    assert isinstance(plan, ShotPlan)
    assert (plan.source.name, plan.source.format, plan.source.size) == ("table.csv", "csv", len(TABLE))
