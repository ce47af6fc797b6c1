"""Loading models, failing to, and closing at any time."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from support import tiny_models
from support.engine import TestedEngine

from pyollama.native._engine import EngineClosed
from pyollama.wire import runner as wire


def test_a_text_file_fails_with_the_librarys_reason(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("not a model")

    with TestedEngine(str(path)) as engine:
        assert isinstance(engine.loaded, wire.LoadFailed)
        assert "magic" in engine.loaded.reason


def test_a_missing_file_fails_and_says_which(tmp_path: Path) -> None:
    with TestedEngine(str(tmp_path / "absent.gguf")) as engine:
        assert isinstance(engine.loaded, wire.LoadFailed)
        assert "absent.gguf" in engine.loaded.reason


def test_a_truncated_file_fails(tmp_path: Path, smollm2: Path) -> None:
    path = tmp_path / "half.gguf"
    with smollm2.open("rb") as whole:
        path.write_bytes(whole.read(smollm2.stat().st_size // 2))

    with TestedEngine(str(path)) as engine:
        assert isinstance(engine.loaded, wire.LoadFailed)
        assert engine.loaded.reason


def test_an_unknown_cache_type_fails(smollm2: Path) -> None:
    with TestedEngine(str(smollm2), kv_cache_type="q9_9") as engine:
        assert "q9_9" in engine.loaded.reason


def test_an_adapter_changes_the_answer(tmp_path: Path) -> None:
    model = str(tiny_models.sliding_window(tmp_path / "model.gguf"))
    adapter = str(tiny_models.adapter(tmp_path / "adapter.gguf"))
    with TestedEngine(model) as plain, TestedEngine(model, adapters=[adapter]) as adapted:
        assert adapted.complete("abc", logprobs=0).logprobs != plain.complete("abc", logprobs=0).logprobs


def test_an_adapter_that_is_none_fails_the_load(tmp_path: Path) -> None:
    model = str(tiny_models.sliding_window(tmp_path / "model.gguf"))
    with TestedEngine(model, adapters=[model]) as engine:
        assert isinstance(engine.loaded, wire.LoadFailed)
        assert engine.loaded.reason.startswith("adapter: ")


def test_requests_to_a_model_that_did_not_load_fail(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("not a model")

    with TestedEngine(str(path)) as engine:
        end = engine.complete("Hello").end

    assert isinstance(end, wire.Failed)
    assert end.code == "model_error"


def test_requests_submitted_while_loading_are_answered(smollm2: Path) -> None:
    with TestedEngine(str(smollm2), wait=False) as engine:
        assert engine.complete("Hello", num_predict=3).end.output_tokens > 0


def test_closing_during_a_load_returns(smollm2: Path) -> None:
    with TestedEngine(str(smollm2), wait=False):
        pass


def test_closing_ends_what_is_under_way_as_cancelled(smollm2: Path) -> None:
    with TestedEngine(str(smollm2)) as engine:
        number = engine.start("Once upon a time", num_predict=4000)
        engine.until(lambda event: isinstance(event, wire.Piece))

    assert engine.reply(number).end.reason == "cancelled"


def test_closing_with_finish_lets_requests_end(smollm2: Path) -> None:
    with TestedEngine(str(smollm2)) as engine:
        number = engine.start("Once upon a time", num_predict=10)
        engine.raw.close(finish=True)

        assert engine.reply(number).end.output_tokens > 0


def test_a_closed_engine_refuses_everything(smollm2: Path) -> None:
    with TestedEngine(str(smollm2)) as engine:
        pass

    engine.raw.close()
    engine.raw.cancel(1)
    with pytest.raises(EngineClosed):
        engine.start("Hello")
    with pytest.raises(EngineClosed):
        engine.raw.tokenize("Hello")


def test_a_forgotten_engine_ends_its_thread(smollm2: Path) -> None:
    engine = TestedEngine(str(smollm2), wait=False)
    del engine
    gc.collect()  # would hang or crash


@pytest.mark.parametrize("flash", [True, False])
def test_a_quantized_cache_works_where_it_can(smollm2: Path, flash: bool) -> None:
    with TestedEngine(str(smollm2), kv_cache_type="q8_0", flash_attention=flash) as engine:
        if flash:
            assert engine.complete("Hello", num_predict=3).end.output_tokens > 0
        else:
            assert "flash_attn" in engine.loaded.reason
