"""``create``: the steps from a spec to a stored model, as a generator of status lines."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import ExitStack

from modelfile_grammar.template import Template, TemplateError
from pyollama.create import quantize
from pyollama.create.configs import build_config, default_stop
from pyollama.create.imports import Imported, Workspace, import_adapters, import_models, local
from pyollama.create.layers import Planned, Stored, Text, apply, check_sizes, inherited
from pyollama.create.progress import Progress
from pyollama.create.spec import CreateSpec
from pyollama.errors import BlobNotFound, CreateError, FormatWithoutTemplate, GGUFError, PyollamaError
from pyollama.gguf import GGUFFacts
from pyollama.store import BlobStore, Config, Digest, Layer, Manifest, Model, ModelName, Store, strip_source_suffix
from pyollama.store.capabilities import named_format
from pyollama.store.facts import gguf_facts, read_header
from pyollama.store.manifests import CONFIG_TYPE, LAYER_PREFIX, MAX_MANIFEST_BYTES

_log = logging.getLogger(__name__)


def create(store: Store, spec: CreateSpec) -> Generator[Progress, None, None]:
    """Make a model. The last status is ``success``; any failure before it leaves the store as it was.

    Blocks: take the steps in a thread, each is some megabytes of a file at most. Closing the generator is a failure.

    Raises:
        BadRequest, CreateError, GGUFError: the request or a file is wrong.
        ModelNotFound: the base model is not stored.
        NotSupported: it needs something that this version does not do.
        StoreError: the file system refused.
    """
    name = store.resolve(spec.check())
    made: set[Digest] = set()
    try:
        with store.guard.adding() as pins:
            replaced = yield from _steps(store, spec, name, Workspace(store.blobs, pins, made))
    except BaseException:
        _sweep(store, made)
        raise
    if not store.noprune:
        _sweep(store, replaced)
    yield Progress("success")


def _steps(store: Store, spec: CreateSpec, name: ModelName, work: Workspace) -> Generator[Progress, None, set[Digest]]:
    """All up to the manifest. Its value: the digests of the manifest that was replaced."""
    _check_template(spec)
    apply(spec, [], {})  # refuses what cannot be stored before any work
    base = _open_base(store, spec.from_, work) if spec.from_ else None
    if spec.from_text:
        yield Progress("parsing modelfile")
    if base:
        origin = _inherit(base, work.blobs)
    else:
        files = (spec.files or {}) | (yield from local(spec.local_files, work))
        origin = yield from import_models(files, work)
    layers = list(origin.layers)
    if adapters := (spec.adapters or {}) | (yield from local(spec.local_adapters, work)):
        layers += yield from import_adapters(adapters, origin.facts[0].architecture if origin.facts else "", work)
    if spec.quantize:
        _check_quantize(spec.quantize, layers, work)
    config = build_config(spec, base.read_config() if base else Config(), origin.facts)
    _check_format(spec.template or (base.template if base else None), config, origin.facts)
    return (yield from _write(store, name, _plan(spec, layers, origin), config, work))


def _write(
    store: Store, name: ModelName, planned: list[Planned], config: Config, work: Workspace
) -> Generator[Progress, None, set[Digest]]:
    written = [_store_layer(layer, work) for layer in planned]
    raw = config.to_bytes()
    check_sizes([Text("config", raw)])
    digest, _ = work.add_bytes(raw)
    manifest = Manifest.build(Layer(CONFIG_TYPE, digest, len(raw)), [layer for layer, _ in written])
    if len(manifest.raw) > MAX_MANIFEST_BYTES:
        raise CreateError(f"the model has too many layers: {len(written)}")
    for _, status in written:
        yield Progress(status)
    yield Progress("writing manifest")
    replaced = store.commit(name, manifest)
    work.made.clear()  # in use from here on
    return replaced


def _plan(spec: CreateSpec, layers: list[Planned], origin: Imported) -> list[Planned]:
    parameters = dict(origin.parameters)
    if "stop" not in parameters and "stop" not in spec.parameters and (stop := default_stop(origin.facts)):
        parameters["stop"] = stop
    return apply(spec, layers, parameters)


def _store_layer(planned: Planned, work: Workspace) -> tuple[Layer, str]:
    """The stored layer and the status line for it."""
    if isinstance(planned, Stored):
        return planned.layer, _status(planned.layer.digest, planned.is_new)
    digest, is_new = work.add_bytes(planned.data)
    layer = Layer(LAYER_PREFIX + planned.kind, digest, len(planned.data))
    return layer, planned.status or _status(digest, is_new)


def _status(digest: Digest, is_new: bool) -> str:
    return f"creating new layer {digest}" if is_new else f"using existing layer {digest}"


def _check_template(spec: CreateSpec) -> None:
    if spec.template:
        try:
            Template.parse(spec.template)
        except TemplateError as error:
            raise CreateError(f"template error: {error}") from error


def _check_format(go: str | None, config: Config, facts: list[GGUFFacts]) -> None:
    """A renderer or parser runs with the chat template of the weights."""
    name = named_format(go, config)
    if name and facts and not facts[0].chat_template:
        raise FormatWithoutTemplate(name, status=400)


def _open_base(store: Store, given: str, work: Workspace) -> Model:
    """The base model, its blobs pinned, present and young again. ModelNotFound with the name as it was given."""
    name = ModelName.parse(strip_source_suffix(given).text)
    base = store.open_model(name, given)
    if base.is_remote:
        raise CreateError("bad remote")
    for layer in base.manifest.blobs():
        work.pins.add(layer.digest)
        if not store.blobs.reuse(layer.digest):
            raise BlobNotFound(str(layer.digest))
    return base


def _inherit(base: Model, blobs: BlobStore) -> Imported:
    facts: list[GGUFFacts] = []
    for kind in ("model", "projector"):
        for layer in base.layers_of(kind):
            try:
                facts.append(gguf_facts(layer.digest, blobs.path(layer.digest)))
            except GGUFError as error:
                _log.warning("%s: %s", base.name, error)
    return Imported(inherited(base), base.parameters, facts)


def _check_quantize(asked: str, layers: list[Planned], work: Workspace) -> None:
    digests = [layer.layer.digest for layer in layers if isinstance(layer, Stored) and layer.kind == "model"]
    with ExitStack() as stack:
        headers = [stack.enter_context(read_header(work.blobs.path(digest))) for digest in digests]
        quantize.check(asked, headers)


def _sweep(store: Store, digests: set[Digest]) -> None:
    """Best effort: what stays is found at the next start."""
    try:
        store.sweep(digests)
    except PyollamaError as error:
        _log.warning("unused layers stay: %s", error)
