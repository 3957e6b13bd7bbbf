"""MDSplus over the library's own messages, spoken by a server in this process; no MDSplus tree is behind it."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from mdsthin.connection import MDSIP_VERSION
from mdsthin.exceptions import TreeNNF
from mdsthin.message import Message

from gilgamesh_db import Polynomial
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, read_plan

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
HINTS = Hints(shot=1234, started_at=datetime(2026, 3, 1, tzinfo=UTC))


class Server:
    """An mdsip server that knows the answers to some expressions, and which tree it was asked for."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[Any] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self._converse(connection)
                except OSError:
                    continue

    def _converse(self, connection: socket.socket) -> None:
        login = self._received(connection, login=True)
        if login is None:
            return
        message = login[0]
        message.status, message.ndims = 1, 1
        message.dims[0] = MDSIP_VERSION
        connection.sendall(bytes(message))
        while (received := self._received(connection)) is not None:
            message, expression = received
            arguments = [self._received(connection) for _ in range(message.nargs - 1)]
            self.asked.append((expression, *[one[1] for one in arguments if one is not None]))
            answer = self.answers.get(expression)
            if answer is None:
                reply = Message()
                reply.status = TreeNNF.status
            elif answer is Ellipsis:
                return
            else:
                reply = Message(answer)
                reply.status = 1
            reply.message_id = message.message_id
            connection.sendall(reply.pack())

    def _received(self, connection: socket.socket, login: bool = False) -> tuple[Any, Any] | None:
        header = self._exactly(connection, ctypes.sizeof(Message))
        if header is None:
            return None
        message = Message.from_buffer_copy(header)
        body = self._exactly(connection, message.msglen - ctypes.sizeof(Message))
        return (
            None
            if body is None
            else (message, message.unpack_data(bytearray(body)).data() if body and not login else None)
        )

    def _exactly(self, connection: socket.socket, size: int) -> bytes | None:
        found = b""
        while len(found) < size:
            more = connection.recv(size - len(found))
            if not more:
                return None
            found += more
        return found


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**answers: Any) -> Server:
        servers.append(Server({"TreeOpen($,$)": 265388041} | answers))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


def signal(data: Any, times: Any, units: str = "W") -> dict[str, Any]:
    return {"DATA(\\P)": data, "DATA(DIM_OF(\\P))": times, "UNITS(\\P)": units}


def wish(folder: Path, server: Server, **said: Any) -> Path:
    path = folder / "rf.yaml"
    path.write_text(
        yaml.safe_dump({"mdsplus": f"127.0.0.1:{server.port}", "tree": "rf", "ports": {"RF/Pfwd": "\\P"}} | said)
    )
    return path


def test_a_signal_with_units_and_times(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(**signal(np.array([1.5, 2.5, 3.5], "float32"), np.array([0.0, 0.5, 1.0])))
    plan = read_plan(wish(tmp_path, server), HINTS)
    (series,) = plan.series
    assert (plan.number, plan.source.format) == (1234, "mdsplus")
    assert server.asked[0] == ("TreeOpen($,$)", "rf", 1234)
    assert (series.port, series.raw.dtype, series.raw.tolist(), series.raw_unit) == (
        "RF/Pfwd",
        "float32",
        [1.5, 2.5, 3.5],
        "W",
    )
    assert (series.start, series.dt) == (0.0, 0.5)


def test_counts_with_a_scale(tmp_path: Path, serve: Callable[..., Server]) -> None:
    counts = np.array([1, -2, 3], "int16")
    server = serve(**{"DATA(RAW_OF(\\P))": counts, "DATA(DIM_OF(\\P))": np.array([0.0, 1.0, 3.0], "float32")})
    port = {"data": "RAW_OF(\\P)", "times": "DIM_OF(\\P)", "time_unit": "ms", "unit": "V", "scale": [0.5, 2.0]}
    (series,) = read_plan(wish(tmp_path, server, device="PXI", ports={"ai0": port}), HINTS).series
    assert (series.port, series.raw.dtype, series.raw.tolist(), series.raw_unit) == (
        "PXI/ai0",
        "int16",
        [1, -2, 3],
        "ct",
    )
    assert series.scale is not None
    assert (series.scale.steps, series.scale.unit) == ((Polynomial((0.5, 2.0)),), "V")
    assert series.times is not None
    assert series.times.tolist() == [0.0, 1e-3, 3e-3]


@settings(max_examples=25, deadline=None)
@given(raw=nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.integers(1, 40)))
def test_every_type_comes_back_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, raw: Any) -> None:
    server = Server({"TreeOpen($,$)": 1} | signal(raw, np.arange(raw.size) * 0.25))
    try:
        (series,) = read_plan(wish(tmp_path_factory.mktemp("mds"), server), HINTS).series
    finally:
        server.close()
    assert (series.raw.dtype, series.raw.tobytes()) == (raw.dtype, raw.tobytes())


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("12-MAR-2024 10:11:12.25", datetime(2024, 3, 12, 10, 11, 12, 250000, UTC)),
        ("2024-03-12T10:11:12", datetime(2024, 3, 12, 10, 11, 12, tzinfo=UTC)),
        (1710238272.5, datetime(2024, 3, 12, 10, 11, 12, 500000, UTC)),
        (np.int64(60381 * 864_000_000_000 + 40272 * 10_000_000), datetime(2024, 3, 12, 11, 11, 12, tzinfo=UTC)),
    ],
)
def test_the_trigger(tmp_path: Path, serve: Callable[..., Server], said: Any, moment: datetime) -> None:
    server = serve(**signal(np.arange(3.0), np.arange(3.0)), **{"\\TOP:DATE": said})
    assert read_plan(wish(tmp_path, server, started_at="\\TOP:DATE"), Hints(shot=1)).started_at == moment


def test_the_digest_is_over_what_was_answered(tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(**signal(np.arange(3.0), np.arange(3.0)))
    path = wish(tmp_path, server)
    first = read_plan(path, HINTS).source.sha256
    assert read_plan(path, HINTS).source.sha256 == first
    server.answers["DATA(\\P)"] = np.array([0.0, 1.0, 2.5])
    assert read_plan(path, HINTS).source.sha256 != first


class TestRefused:
    def refusal(self, path: Path, hints: Hints = HINTS) -> str:
        with pytest.raises(FileRefused) as refused:
            read_plan(path, hints)
        assert path.name in str(refused.value)
        return str(refused.value)

    def test_a_node_that_is_not_there(self, tmp_path: Path, serve: Callable[..., Server]) -> None:
        letter = self.refusal(wish(tmp_path, serve()))
        assert "shot 1234 of the tree 'rf' on 127.0.0.1" in letter
        assert "Node Not Found" in letter

    def test_a_server_that_leaves(self, tmp_path: Path, serve: Callable[..., Server]) -> None:
        server = serve(**signal(np.arange(3.0), ...))
        assert "the server does not answer: Connection closed by peer" in self.refusal(wish(tmp_path, server))

    def test_no_server(self, tmp_path: Path, serve: Callable[..., Server]) -> None:
        server = serve()
        server.close()
        assert "the server does not answer" in self.refusal(wish(tmp_path, server))

    @pytest.mark.parametrize(
        ("data", "times", "letter"),
        [
            (np.arange(3.0), np.arange(4.0), "4 times for 3 samples"),
            (np.arange(3.0), np.array([0.0, 2, 1]), "time goes back"),
            (np.arange(6.0).reshape(2, 3), np.arange(3.0), "no row of numbers"),
            ("text", np.arange(3.0), "no row of numbers"),
        ],
    )
    def test_no_signal(self, tmp_path: Path, serve: Callable[..., Server], data: Any, times: Any, letter: str) -> None:
        assert letter in self.refusal(wish(tmp_path, serve(**signal(data, times))))

    @pytest.mark.parametrize(
        ("said", "letter"),
        [
            ({"tree": ""}, "does not name a server"),
            ({"trees": "x"}, "has no 'trees'; did you mean 'tree'"),
            ({"ports": {}}, "names no ports"),
            ({"ports": {"Pfwd": "\\P"}}, "whose port is it?"),
            ({"ports": {"RF/P": {"unit": "W"}}}, "'data' is missing"),
            ({"ports": {"RF/P": {"data": "\\P", "units": "W"}}}, "has no 'units'; did you mean 'unit'"),
            ({"ports": {"RF/P": {"data": "\\P", "scale": 3}}}, "scale is two numbers"),
            ({"ports": {"RF/P": {"data": "\\P", "time_unit": "V"}}}, "no unit of time"),
            ({"mdsplus": "ssh://-oProxyCommand=touch x@host"}, "is no server"),
            ({"mdsplus": "ftp://host"}, "is no server"),
        ],
    )
    def test_the_key_is_named(self, tmp_path: Path, serve: Callable[..., Server], said: Any, letter: str) -> None:
        server = serve(**signal(np.arange(3.0), np.arange(3.0)))
        assert letter in self.refusal(wish(tmp_path, server, **said))

    def test_no_yaml(self, tmp_path: Path) -> None:
        path = tmp_path / "1.yaml"
        path.write_text("mdsplus: [\n")
        assert "it is no YAML" in self.refusal(path)
