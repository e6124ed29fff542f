"""Features of pictures: of our U-Net, and of Inception-v3 fetched from a server on this machine."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from brats_lib.errors import BratsError
from brats_lib.models.native_unet import build_native_unet
from brats_lib.recipes import NativeRecipe
from brats_lib.studies.synthesis.features import (
    INCEPTION_FILE,
    fetch_inception,
    inception_features,
    open_inception,
    unet_features,
)


@pytest.fixture
def serve():
    """Serve bytes under any address; gives the address."""
    servers = []

    def start(content):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/{INCEPTION_FILE}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_unet_features_are_the_bottleneck_of_standardised_brains():
    recipe = NativeRecipe(widths=(8, 8, 8))
    network = build_native_unet(recipe.channels, recipe.widths, 3, seed=0)
    images = np.zeros((3, 16, 16, 4), np.float32)
    images[:, 4:12, 4:12] = np.random.default_rng(0).uniform(0.2, 0.8, (3, 8, 8, 4))
    images[2] = images[0] * 0.5
    found = unet_features(network, recipe, images)
    assert found.shape == (3, 8)
    np.testing.assert_allclose(found[2], found[0], atol=1e-4)  # standardising takes the brightness off
    assert np.abs(found[1] - found[0]).max() > 1e-3
    images[0, ..., 1] = 0  # T1 is not among the recipe's modalities
    np.testing.assert_allclose(unet_features(network, recipe, images)[0], found[0], atol=1e-6)


def test_absent_weights_are_no_failure_but_a_note(tmp_path, capsys):
    assert open_inception(tmp_path) is None
    assert "brats fetch inception" in capsys.readouterr().out


def test_a_download_is_checked_and_not_repeated(tmp_path, serve):
    content = b"weights" * 1000
    known = "md5:" + hashlib.md5(content).hexdigest()
    url = serve(content)
    file = fetch_inception(tmp_path, url, known, progress=False)
    assert file.name == INCEPTION_FILE and file.read_bytes() == content
    assert fetch_inception(tmp_path, "http://127.0.0.1:9/none", known, progress=False) == file
    with pytest.raises(BratsError, match="another checksum"):
        fetch_inception(tmp_path / "other", serve(content + b"!"), known, progress=False)


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / INCEPTION_FILE).write_bytes(b"no weights")
    with pytest.raises(BratsError, match="cannot be read"):
        open_inception(tmp_path)


@pytest.mark.slow
def test_fetched_weights_give_the_networks_own_features(tmp_path, serve):
    keras.utils.set_random_seed(0)
    network = keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg", input_shape=(299, 299, 3))
    with h5py.File(tmp_path / "made.h5", "w") as file:
        # The format of Keras's own files, which are older than what `save_weights` writes.
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    content = (tmp_path / "made.h5").read_bytes()
    fetch_inception(tmp_path, serve(content), "md5:" + hashlib.md5(content).hexdigest(), progress=False)
    reader = open_inception(tmp_path)
    images = np.random.default_rng(0).random((1, 299, 299, 4), np.float32)
    found = inception_features(reader, images)
    assert found.shape == (1, 2048)
    expected = network.predict(images[..., [0, 2, 3]] * 2 - 1, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
