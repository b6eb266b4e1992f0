"""What the probe makes of the words of boards we know. Layouts are those of the boards' kernels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.probe import parse_facts

ELF_AARCH64 = " 7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00\n 03 00 b7 00\n"
ELF_ARM = " 7f 45 4c 46 01 01 01 00 00 00 00 00 00 00 00 00\n 03 00 28 00\n"
ELF_X86_64 = " 7f 45 4c 46 02 01 01 00 00 00 00 00 00 00 00 00\n 03 00 3e 00\n"
V8_CORE = "BogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU part\t: 0xd08\n"

PI_4 = f"""
@@ kernel
Linux 6.6.31+rpt-rpi-v8 aarch64
@@ userland
{ELF_AARCH64}
@@ model
Raspberry Pi 4 Model B Rev 1.4
@@ cores
4
@@ cpuinfo
processor\t: 0
{V8_CORE}
processor\t: 1
{V8_CORE}
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
@@ memory
MemTotal:        3882332 kB
MemFree:         2000000 kB
MemAvailable:    3300112 kB
@@ libc
glibc 2.36
@@ governor
ondemand
@@ clock
600000
@@ clock-max
1800000
@@ temperature
gpu-thermal 40000
cpu-thermal 48199
@@ throttled
throttled=0x50005
"""


def test_a_raspberry_pi_4() -> None:
    facts = parse_facts(PI_4)
    assert facts.architecture == facts.kernel_architecture == "aarch64"
    assert not facts.is_mixed
    assert facts.kernel == "Linux 6.6.31+rpt-rpi-v8"
    assert facts.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert facts.cores == 4
    assert facts.cpu_features == ("asimd", "cpuid", "crc32", "evtstrm", "fp")
    assert facts.glibc == "2.36"
    assert (facts.governor, facts.clock_mhz, facts.clock_max_mhz) == ("ondemand", 600.0, 1800.0)
    assert facts.temperature_c == 48.199
    assert facts.throttled_now is True
    assert facts.throttled_since_start is True
    assert (facts.memory_total_kib, facts.memory_available_kib) == (3882332, 3300112)


def test_a_raspberry_pi_4_with_a_32_bit_system_under_a_64_bit_kernel() -> None:
    facts = parse_facts(PI_4.replace(ELF_AARCH64, ELF_ARM))
    assert (facts.architecture, facts.kernel_architecture, facts.is_mixed) == ("armv7", "aarch64", True)


def test_a_raspberry_pi_5_has_the_dot_product_and_was_never_throttled() -> None:
    text = PI_4.replace("fp asimd", "fp asimd asimddp").replace("throttled=0x50005", "0")
    facts = parse_facts(text)
    assert facts.cpu_features is not None
    assert "asimddp" in facts.cpu_features
    assert facts.throttled_now is False
    assert facts.throttled_since_start is False


def test_the_kernel_s_own_word_on_throttling_is_hexadecimal_without_a_prefix() -> None:
    facts = parse_facts(PI_4.replace("throttled=0x50005", "50000"))
    assert (facts.throttled_now, facts.throttled_since_start) == (False, True)


def test_a_beaglebone_black() -> None:
    facts = parse_facts(
        f"""
@@ kernel
Linux 5.10.168-ti-r72 armv7l
@@ userland
{ELF_ARM}
@@ model
TI AM335x BeagleBone Black
@@ cores
1
@@ cpuinfo
processor\t: 0
model name\t: ARMv7 Processor rev 2 (v7l)
Features\t: half thumb fastmult vfp edsp thumbee neon vfpv3 tls vfpd32
@@ memory
MemTotal:         492860 kB
@@ libc
glibc 2.31
@@ governor
performance
@@ clock
1000000
@@ clock-max
1000000
@@ temperature
@@ throttled
"""
    )
    assert (facts.architecture, facts.model) == ("armv7", "TI AM335x BeagleBone Black")
    assert facts.cpu_features is not None
    assert "neon" in facts.cpu_features
    assert facts.temperature_c is None
    assert facts.throttled_now is None
    assert facts.memory_available_kib is None


def test_a_raspberry_pi_zero_of_the_first_generation_is_no_armv7() -> None:
    facts = parse_facts(f"@@ kernel\nLinux 6.1.21+ armv6l\n@@ userland\n{ELF_ARM}")
    assert facts.architecture == "armv6"


def test_an_x86_machine() -> None:
    facts = parse_facts(
        f"""
@@ kernel
Linux 6.1.0-18-amd64 x86_64
@@ userland
{ELF_X86_64}
@@ model
NUC8i5BEH
@@ cpuinfo
processor\t: 0
model name\t: Intel(R) Core(TM) i5-8259U CPU @ 2.30GHz
cpu MHz\t\t: 2300.125
flags\t\t: fpu avx2 fpu
@@ temperature
acpitz 27800
x86_pkg_temp 51000
"""
    )
    assert (facts.architecture, facts.model) == ("x86_64", "NUC8i5BEH")
    assert facts.clock_mhz == 2300.125
    assert facts.cpu_features == ("avx2", "fpu")
    assert facts.temperature_c == 51.0


def test_without_a_readable_shell_the_kernel_says_the_architecture() -> None:
    assert parse_facts("@@ kernel\nLinux 5.4 arm64\n@@ userland\n").architecture == "aarch64"
    assert parse_facts("@@ kernel\nLinux 5.4 armv8l\n").architecture == "armv7"
    assert parse_facts("").architecture == "unknown"


def test_another_c_library_is_no_glibc() -> None:
    assert parse_facts("@@ libc\nmusl libc (aarch64)\n").glibc is None


def test_the_processor_s_name_stands_in_for_a_missing_model() -> None:
    assert parse_facts("@@ model\n\n@@ cpuinfo\nmodel name : Xeon\n").model == "Xeon"


@given(st.text())
def test_any_words_give_facts_and_no_exception(words: str) -> None:
    facts = parse_facts(words)
    assert facts.architecture


@given(st.integers(0, len(PI_4)), st.text(max_size=30))
def test_a_damaged_answer_gives_facts_and_no_exception(where: int, words: str) -> None:
    parse_facts(PI_4[:where] + words + PI_4[where + len(words) :])
