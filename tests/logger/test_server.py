"""A server that does not take runs is told at once, where its own client would ask for minutes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import TINY, Command

from fcnlab.logger.server import why_unreachable
from fcnlab.logger.wandb import why_offline


class Answer(BaseHTTPRequestHandler):
    """The status that its path asks for."""

    def do_GET(self) -> None:
        self.send_error(int(self.path[1:]))

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def nobody() -> str:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        return f"http://127.0.0.1:{server.server_port}"


def test_a_refusal_is_an_answer_and_a_fault_of_the_server_is_none(address: str, nobody: str) -> None:
    assert why_unreachable(f"{address}/401") == ""
    assert why_unreachable(f"{address}/503") == f"{address}/503 answers 503 Service Unavailable"
    assert why_unreachable(nobody).startswith(f"{nobody} cannot be reached (")
    assert why_unreachable("nowhere") == "nowhere cannot be reached (unknown url type: 'nowhere')"


def test_w_and_b_goes_on_offline_where_its_server_is_not_well(address: str) -> None:
    settings = SimpleNamespace(base_url=f"{address}/502", update_from_env_vars=lambda _: None)
    wandb: Any = SimpleNamespace(Settings=lambda **_: settings, termsetup=lambda *_: None)
    wandb.api = SimpleNamespace(api_key="x")
    assert why_offline(wandb) == f"{address}/502 answers 502 Bad Gateway"


def test_any_logger_whose_server_is_not_there_is_told(nobody: str, command: Command) -> None:
    words = [word for word in TINY if not word.startswith("logger")]
    outcome = command("train", *words, "logger=mlflow", f"logger.mlflow.tracking_uri={nobody}")
    assert outcome.code == 1
    assert f"logger.mlflow.tracking_uri: {nobody} cannot be reached" in outcome.text
    assert "set logger=none" in outcome.text
