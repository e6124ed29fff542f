"""The machine is read correctly and several devices train one model."""

import os
import subprocess
import sys

import pytest

from brats_lib.errors import BratsError
from brats_lib.training import devices


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile", "mixed_bfloat16"),
        # A virtual machine on Sapphire Rapids that was not given AMX computes bfloat16 at half the rate of float32.
        ("GenuineIntel", "avx512f avx512_bf16", "float32"),
        ("AuthenticAMD", "avx512f avx512_bf16", "mixed_bfloat16"),
        ("GenuineIntel", "avx2 avx512f", "float32"),
    ],
)
def test_precision_follows_vendor_and_flags_of_the_cpu(monkeypatch, tmp_path, vendor, flags, expected):
    core = f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: Some CPU\nflags\t\t: fpu sse2 {flags}\n\n"
    (tmp_path / "cpuinfo").write_text(2 * core)
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(devices, "_accelerators", list)
    assert devices.choose_precision() == devices.cpu_precision() == expected
    assert devices.describe()["devices"] == "Some CPU"


@pytest.mark.parametrize(
    ("accelerators", "expected"),
    [
        ([("NVIDIA A100", (8, 0))], "mixed_bfloat16"),
        ([("NVIDIA A100", (8, 0)), ("Tesla T4", (7, 5))], "mixed_float16"),
        ([("Tesla P100", (6, 0))], "float32"),
        ([("METAL", None)], "float32"),
        ([("TPU v4", None)], "mixed_bfloat16"),
    ],
)
def test_precision_follows_the_oldest_gpu(monkeypatch, accelerators, expected):
    monkeypatch.setattr(devices, "_accelerators", lambda: accelerators)
    assert devices.choose_precision() == expected


def test_precision_that_is_asked_for_is_obeyed_and_unknown_precisions_and_devices_are_refused():
    assert devices.choose_precision("mixed_float16") == "mixed_float16"
    with pytest.raises(BratsError, match="auto or one of float32"):
        devices.choose_precision("float64")
    for wrong in (0, 1000, "both", 1.5):
        with pytest.raises(BratsError, match="which is what this machine has"):
            devices.data_parallel(wrong)


TWO_CPUS = """
import os, numpy as np, keras
from brats_lib.training import devices
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
assert devices.count_devices("all") == 2
x = np.random.default_rng(0).random((16, 3), np.float32)
y = x @ np.array([[1.0], [2.0], [3.0]], np.float32)
weights = []
for n in (1, 2):
    with devices.data_parallel(n):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        weights.append(model.get_weights()[0])
np.testing.assert_allclose(*weights, rtol=1e-5)
assert abs(weights[0]).sum() > 0.5
"""


def test_two_devices_train_what_one_does():
    flags = "--xla_force_host_platform_device_count=2"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_FLAGS": flags, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", TWO_CPUS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


FOREIGN = """
import brats_lib, keras
from brats_lib.training import devices
from brats_lib.errors import BratsError
config = keras.config
print(config.backend(), config.floatx(), config.image_data_format(), config.max_epochs())
try:
    devices.describe()
except BratsError as error:
    print(error)
"""


def test_settings_of_another_project_are_left_alone_and_a_backend_that_is_none_of_ours_is_refused(tmp_path):
    settings = tmp_path / ".keras" / "keras.json"
    settings.parent.mkdir()
    settings.write_text('{"floatx": "float16", "backend": "torch", "image_data_format": "channels_first"}')
    before = settings.stat()
    environment = os.environ | {"HOME": str(tmp_path), "KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1"}
    environment.pop("KERAS_HOME", None)
    done = subprocess.run([sys.executable, "-c", FOREIGN], env=environment, capture_output=True, text=True)
    held, refused = done.stdout.strip().splitlines()
    assert held == "tensorflow float32 channels_last None"
    assert refused.startswith("KERAS_BACKEND: it is 'torch'; expected 'tensorflow'")
    assert settings.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in settings.parent.iterdir()] == ["keras.json"]
