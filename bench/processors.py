"""Other processors than the one at hand, as far as variables can show them: instructions and threads.

Every library that picks kernels by the processor is told: PyTorch, oneDNN, MKL, numpy, OpenBLAS, libjpeg and
the C library's mathematics. What the processor does not have stays out, whatever a setting allows.
"""

from pathlib import Path

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW",
}
NO_AVX = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Nehalem",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-FMA",
    "JSIMD_FORCENONE": "1",
}
SETTINGS = {
    "as it is": {},
    "AVX2, 1 thread": AVX2 | {"OMP_NUM_THREADS": "1"},
    "no AVX, 2 threads": NO_AVX | {"OMP_NUM_THREADS": "2"},
    "as it is, 4 threads": {"OMP_NUM_THREADS": "4"},
}


def processor() -> str:
    """What Linux calls the processor, with its largest vectors."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = set(told.get("flags", "").split())
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "sse")
    return f"{told.get('model name', 'unknown')}, {widest.removesuffix('f').upper()}"
