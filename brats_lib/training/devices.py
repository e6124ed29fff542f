"""What the machine computes on, and how: processors, precision, determinism, data parallelism.

The only module that imports TensorFlow or JAX itself. Everything else speaks Keras, so `KERAS_BACKEND=jax` changes
nothing but what happens in here.
"""

import contextlib
import functools
import importlib
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import joblib

from brats_lib import KERAS_BACKEND
from brats_lib.errors import BratsError

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# Linux only. Where it does not exist nothing is known about the processor's instructions.
CPU_INFO = Path("/proc/cpuinfo")
# Keras's own variable: how many processes, on one machine or many, train one model.
PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
# There where NVIDIA's driver is.
NVIDIA = Path("/dev/nvidia0")

# Defaults that the environment may overrule. No start-up chatter; where there is no NVIDIA card, that none was found
# is no error either. No more GPU memory than is used, so that two notebooks can share a card.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if NVIDIA.exists() else "3")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


@functools.cache
def _backend() -> tuple[str, Any]:
    """Name and module of Keras's backend; GPU memory grows on demand from here on, and other processes are joined."""
    import keras

    # What was asked for, where it is neither: Keras was then imported with TensorFlow, so that this can be said.
    name = keras.backend.backend() if KERAS_BACKEND in ("tensorflow", "jax") else KERAS_BACKEND
    if name not in ("tensorflow", "jax"):
        advice = "Set KERAS_BACKEND=tensorflow before Python starts"
        raise BratsError("KERAS_BACKEND", f"it is '{name}'", "'tensorflow' or 'jax'", advice)
    module = importlib.import_module(name)
    if os.environ.get(PROCESSES, "1") != "1":
        if name != "jax":
            found, advice = f"several processes are to train one model, on {name}", "Set KERAS_BACKEND=jax, or unset"
            raise BratsError(PROCESSES, found, "the backend JAX, which can do that", f"{advice} this variable")
        # Before anything is computed, or JAX sees this process's devices only.
        keras.distribution.initialize()
    if name == "tensorflow":
        # Too late, with a RuntimeError, once somebody has used the GPU; then their choice stands.
        with contextlib.suppress(RuntimeError):
            for gpu in module.config.list_physical_devices("GPU"):
                module.config.experimental.set_memory_growth(gpu, True)
    return name, module


def _accelerators() -> list[tuple[str, tuple[int, ...] | None]]:
    """Name and compute capability, where there is such a thing, of each GPU or TPU."""
    name, module = _backend()
    if name == "tensorflow":
        config = module.config
        details = [config.experimental.get_device_details(gpu) for gpu in config.list_physical_devices("GPU")]
        return [(each.get("device_name", "GPU"), each.get("compute_capability")) for each in details]
    found = [device for device in module.devices() if device.platform != "cpu"]
    # Such as "8.0".
    capabilities = [getattr(device, "compute_capability", "0.0") for device in found]
    return [
        (each.device_kind, tuple(map(int, text.split(".")))) for each, text in zip(found, capabilities, strict=True)
    ]


def _cpu_lines(key):
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key]


def describe() -> dict[str, str]:
    """What a network would be trained on here: backend with its version, devices, cores, memory and precision."""
    name, module = _backend()
    names = [name for name, _ in _accelerators()] or (_cpu_lines("model name") or [platform.machine()])[:1]
    counted = [f"{names.count(each)} x {each}" if names.count(each) > 1 else each for each in dict.fromkeys(names)]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "backend": f"{name} {module.__version__}",
        "devices": ", ".join(counted),
        "cores": str(joblib.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "precision": choose_precision(),
    }


def has_accelerator() -> bool:
    """Whether Keras's backend would compute on a GPU here; without a driver the answer takes no Keras."""
    return NVIDIA.exists() and bool(_accelerators())


def cpu_precision() -> str:
    """The arithmetic that this machine's processor is fastest in, see `choose_precision`; takes no Keras."""
    flags = {flag for line in _cpu_lines("flags") for flag in line.split()}
    fast = "amx_bf16" in flags or ("avx512_bf16" in flags and "AuthenticAMD" in _cpu_lines("vendor_id"))
    return "mixed_bfloat16" if fast else "float32"


def choose_precision(requested: str = "auto") -> str:
    """Choose the arithmetic that is fast here and as good for training, as the name of a Keras dtype policy.

    Anything but "auto" is handed back if it is one of `PRECISIONS`. Weights are float32 under each of them.

    Processors with AMX get bfloat16, with which the paper's U-Net trains 3 times as fast. So do AMD's with
    AVX512-BF16 (Zen 4 and 5: 1.8 times), but not Intel's that have AVX512-BF16 without AMX, as many virtual
    machines do: on Sapphire Rapids convolutions then ran at 171 GFLOP/s, against 342 to 441 in float32. GPUs from
    compute capability 8.0 (Ampere) on and TPUs get bfloat16. GPUs of 7.0 and 7.5 (V100, T4) know float16 only, which
    needs the loss scaled. Everything else, Macs included, computes in float32.
    """
    if requested != "auto":
        if requested not in PRECISIONS:
            raise BratsError("precision", f"it is '{requested}'", f"auto or one of {', '.join(PRECISIONS)}", "Use auto")
        return requested
    accelerators = _accelerators()
    if not accelerators:
        return cpu_precision()
    if all(name.startswith("TPU") for name, _ in accelerators):
        return "mixed_bfloat16"
    oldest = min(capability or (0, 0) for _, capability in accelerators)
    return "mixed_bfloat16" if oldest >= (8, 0) else "mixed_float16" if oldest >= (7, 0) else "float32"


def make_reproducible(seed: int, deterministic: bool = True) -> None:
    """Seed Python, NumPy, Keras and its backend, and have the same sums computed in the same order each time.

    `deterministic` forbids operations whose result depends on the order in which threads finish, until the process
    ends. On a GPU that rules out the fastest convolution kernels; with JAX on a GPU it has to be called before anything
    is computed, since XLA reads its flags once. Equal results are promised for the same machine, versions and number
    of devices only.
    """
    name, module = _backend()
    if deterministic and name == "tensorflow":
        module.config.experimental.enable_op_determinism()
    elif deterministic:
        flags = [*os.environ.get("XLA_FLAGS", "").split(), "--xla_gpu_deterministic_ops=true"]
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys(flags))
    import keras

    keras.utils.set_random_seed(seed)


def _device_names():
    """The devices that can share the work: the GPUs (or TPUs), else the CPU."""
    name, module = _backend()
    if name == "tensorflow":
        list_devices = module.config.list_logical_devices
        return [device.name for device in list_devices("GPU") or list_devices("CPU")]
    import keras

    return keras.distribution.list_devices()


def process() -> tuple[int, int]:
    """Which of the processes that train one model this is, from 0, and how many there are; (0, 1) where it is alone.

    They are started by hand or by a cluster's scheduler, with Keras's variables ``KERAS_DISTRIBUTION_JOB_ADDRESSES``,
    ``KERAS_DISTRIBUTION_NUM_PROCESSES`` and ``KERAS_DISTRIBUTION_PROCESS_ID``, and ``KERAS_BACKEND=jax``.
    """
    if os.environ.get(PROCESSES, "1") == "1":
        return 0, 1
    _, module = _backend()
    return module.process_index(), module.process_count()


def wait_for_all(where: str) -> None:
    """Go on when every process has come here; `where` names the place, the same in all of them."""
    if process()[1] > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(where)


@contextlib.contextmanager
def first_process_first(where: str) -> Iterator[bool]:
    """Scope that the other processes enter when the first has left it; gives whether this is the first."""
    first = process()[0] == 0
    if not first:
        wait_for_all(where)
    yield first
    if first:
        wait_for_all(where)


def count_devices(devices: int | str = 1) -> int:
    """Number of devices that a choice stands for, to scale the batch with: a number, or "all".

    Where several processes train one model it has to be "all": the devices of all of them.
    """
    if process()[1] > 1 and devices != "all":
        expected = "'all' where several processes train one model"
        raise BratsError("devices", f"it is {devices!r}", expected, "Set devices to 'all'")
    if devices == 1:
        return 1
    available = len(_device_names())
    if devices == "all":
        return available
    if not isinstance(devices, int) or not 1 <= devices <= available:
        expected = f"'all' or a number from 1 to {available}, which is what this machine has"
        advice = "Set devices to 1, or run where there are more GPUs"
        raise BratsError("devices", f"it is {devices!r}", expected, advice)
    return devices


def data_parallel(devices: int | str = 1) -> AbstractContextManager:
    """Scope in which a model is built and trained on several devices, each with its share of every batch.

    The caller makes the batch larger by `count_devices`. TensorFlow mirrors the model
    (`tf.distribute.MirroredStrategy`), JAX shards the batch (`keras.distribution.DataParallel`), also over the devices
    of several processes, each of which gives its share of the batch, see `batches.ProcessShare`.
    """
    count = count_devices(devices)
    if count == 1:
        return contextlib.nullcontext()
    name, module = _backend()
    names = _device_names()[:count]
    if name == "tensorflow":
        return module.distribute.MirroredStrategy(names).scope()
    import keras

    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope()
