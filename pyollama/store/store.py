"""The models directory: names to models, and the changes a user asks for."""

from __future__ import annotations

import logging
from pathlib import Path

from pyollama.errors import BrokenManifest, CopySourceNotFound, ModelNotFound, StoreError
from pyollama.store.blobs import BlobStore
from pyollama.store.digests import Digest
from pyollama.store.guard import Guard
from pyollama.store.manifests import Manifest, ManifestStore
from pyollama.store.models import Model
from pyollama.store.names import ModelName
from pyollama.store.prune import prune, rename_old_blobs, sweep

_log = logging.getLogger(__name__)


class Store:
    """A models directory in Ollama's layout. Blocking calls for any thread; several processes may share it.

    Methods raise StoreError with the system's text where it refuses; the directory is then as it was.
    """

    def __init__(self, root: Path, *, noprune: bool = False) -> None:
        self.root = root.expanduser()
        self.noprune = noprune
        self.guard = Guard.of(self.root)
        self.blobs = BlobStore(self.root / "blobs", self.guard)
        self.manifests = ManifestStore(self.root / "manifests")

    def resolve(self, name: ModelName) -> ModelName:
        """``name`` in the spelling of the stored model that it means, else as far as one exists, else as it is."""
        return self.manifests.resolve(name)

    def open_model(self, name: ModelName, given: str | None = None) -> Model:
        """The model that ``name`` means.

        Raises:
            ModelNotFound: there is none; the text has ``given``, what the user typed.
            BrokenManifest: its manifest is damaged.
        """
        found = self.resolve(name)
        try:
            manifest, modified_ns = self.manifests.read(found)
        except ModelNotFound:
            raise ModelNotFound(given if given is not None else name.shortest()) from None
        return Model(found, manifest, modified_ns, self.blobs)

    def list_models(self) -> list[Model]:
        """Every model, newest first by whole seconds. Unreadable manifests are skipped with a warning."""
        models = []
        for name in self.manifests.names():
            try:
                models.append(Model(name, *self.manifests.read(name), self.blobs))
            except ModelNotFound:
                continue  # removed while we looked
            except (BrokenManifest, StoreError) as error:
                _log.warning("%s", error)
        return sorted(models, key=lambda model: -(model.modified_ns // 10**9))

    def copy(self, source: ModelName, destination: ModelName, given: str | None = None) -> None:
        """Give a model a second name; layers are shared and an existing model of that name is replaced.

        Raises:
            CopySourceNotFound: there is no source; the text has ``given``.
        """
        source, destination = self.resolve(source), self.resolve(destination)
        try:
            with self.guard.adding() as pins:
                for layer in self.manifests.read(source)[0].blobs():
                    pins.add(layer.digest)
                manifest, _ = self.manifests.read(source)  # still there now that its blobs are kept
                if source != destination:
                    with self.guard.committing():
                        self.manifests.write(destination, manifest)
        except ModelNotFound:
            raise CopySourceNotFound(given if given is not None else source.shortest()) from None

    def delete(self, name: ModelName, given: str | None = None) -> None:
        """Remove a model and the blobs that only it used. ModelNotFound, with ``given``, if there is none."""
        found = self.resolve(name)
        try:
            with self.guard.committing():
                digests = self._digests(found)
                self.manifests.remove(found)
        except ModelNotFound:
            raise ModelNotFound(given if given is not None else name.shortest()) from None
        self.sweep(digests)

    def commit(self, name: ModelName, manifest: Manifest) -> set[Digest]:
        """Put a manifest in place. Returns the digests of the manifest it replaced: sweep them afterwards.

        Call it inside ``guard.adding`` with every blob of the manifest stored and pinned.
        """
        with self.guard.committing():
            replaced = self._digests(name)
            self.manifests.write(name, manifest)
        return replaced

    def sweep(self, digests: set[Digest]) -> None:
        """Remove those of ``digests`` that nothing uses any more."""
        sweep(digests, self.manifests, self.blobs, self.guard)

    def prune(self) -> None:
        """What a server does at its start: rename old blobs and, unless ``noprune``, remove unused files.

        Raises nothing: what the file system refuses is logged, and the models can still be used.
        """
        folder = self.root / "blobs"
        if not folder.is_dir():
            return
        try:
            rename_old_blobs(folder)
            if not self.noprune:
                prune(self.manifests, self.blobs, self.guard, folder)
        except StoreError as error:
            _log.warning("nothing is pruned: %s", error)

    def _digests(self, name: ModelName) -> set[Digest]:
        """What the manifest of exactly this name refers to; nothing if it is missing or damaged."""
        try:
            return {layer.digest for layer in self.manifests.read(name)[0].blobs()}
        except (ModelNotFound, BrokenManifest):
            return set()
