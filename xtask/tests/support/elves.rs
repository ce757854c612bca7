//! ELF files for tests: small generated ones, and this test program with another machine number.

/// `e_machine` of x86-64.
pub(crate) const X86_64: u16 = 62;
/// `e_machine` of 64-bit Arm.
pub(crate) const AARCH64: u16 = 183;
/// The loader of glibc on x86-64.
pub(crate) const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";

/// Returns a little-endian 64-bit ELF file of type DYN; with a loader it is a program.
pub(crate) fn elf(machine: u16, loader: Option<&str>) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(3_u16.to_le_bytes());
    bytes.extend(machine.to_le_bytes());
    bytes.resize(64, 0);
    if let Some(loader) = loader {
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        let mut segment = vec![0_u8; 56];
        segment[0] = 3;
        segment[8] = 120;
        segment[32..40].copy_from_slice(&(loader.len() as u64 + 1).to_le_bytes());
        bytes.extend(segment);
        bytes.extend(loader.as_bytes());
        bytes.push(0);
    }
    bytes.extend([0x90; 6000]);
    bytes
}

/// Returns the same file with another class (1 is 32-bit) and type (1 is relocatable).
pub(crate) fn elf_of(class: u8, kind: u8, machine: u16) -> Vec<u8> {
    let mut bytes = elf(machine, None);
    bytes[4] = class;
    bytes[16] = kind;
    bytes
}

/// Returns this test program, as linked, with another machine number.
pub(crate) fn real_elf(machine: u16) -> Vec<u8> {
    let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(bytes.starts_with(b"\x7fELF"), "the tests of the proof run on Linux");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes
}
