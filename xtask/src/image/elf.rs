//! ELF headers: class, byte order, kind, machine and loader, from the first bytes of a file. Not here: reading files,
//! and judging the machine (`proof`).

use super::Platform;

/// Number of bytes of a file that are read. With every linker in use they include the program headers and the loader's
/// path.
pub const HEAD: usize = 4096;

const MAGIC: [u8; 4] = *b"\x7fELF";
const CLASS_32: u8 = 1;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const EXECUTABLE: u16 = 2;
const DYNAMIC: u16 = 3;
const PROGRAM_INTERPRETER: u32 = 3;
const X86_64: u16 = 62;
const AARCH64: u16 = 183;

/// Machine numbers of the ELF specification (`e_machine`) that occur in container images, and their usual names.
const MACHINES: &[(u16, &str)] = &[
    (2, "SPARC"),
    (3, "i386 (32-bit x86)"),
    (8, "MIPS"),
    (20, "PowerPC"),
    (21, "ppc64"),
    (22, "s390x"),
    (40, "arm (32-bit)"),
    (43, "SPARC v9"),
    (50, "ia64"),
    (X86_64, "x86-64"),
    (AARCH64, "aarch64"),
    (243, "riscv64"),
    (247, "BPF"),
    (258, "loongarch64"),
];

/// An ELF file that a Linux kernel or loader would run: an executable or a shared object. Relocatable objects and core
/// dumps are not represented, because they are never run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    class: u8,
    data: u8,
    machine: u16,
    loader: Option<Box<[u8]>>,
}

impl Elf {
    /// Parses the first bytes of a file (up to `HEAD`). Returns `None` for anything but a runnable ELF file.
    pub fn parse(head: &[u8]) -> Option<Elf> {
        let class = *head.get(4)?;
        let data = *head.get(5)?;
        if head.get(..4)? != MAGIC {
            return None;
        }
        let half = |at: usize| -> Option<u16> {
            let bytes: [u8; 2] = head.get(at..at + 2)?.try_into().ok()?;
            Some(if data == LITTLE_ENDIAN { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
        };
        let (kind, machine) = (half(16)?, half(18)?);
        if kind != EXECUTABLE && kind != DYNAMIC {
            return None;
        }
        let readable = class == CLASS_64 && data == LITTLE_ENDIAN;
        Some(Elf { class, data, machine, loader: if readable { loader(head) } else { None } })
    }

    /// Returns whether a kernel of this platform runs the file natively. The 32-bit ABIs (i386, x32) are rejected even
    /// if a kernel supports them: an image for the platform should not need them, and Fargate does not guarantee them.
    pub fn runs_on(&self, platform: Platform) -> bool {
        let machine = match platform {
            Platform::LinuxAmd64 => X86_64,
            Platform::LinuxArm64 => AARCH64,
        };
        self.class == CLASS_64 && self.data == LITTLE_ENDIAN && self.machine == machine
    }

    /// Returns the machine's name, for messages.
    pub fn machine(&self) -> String {
        let name = MACHINES.iter().find(|(number, _)| *number == self.machine).map(|(_, name)| *name);
        match (name, self.class) {
            (Some(_), CLASS_32) if self.machine == X86_64 => "x32 (32-bit ABI of x86-64)".to_owned(),
            (Some(name), CLASS_64) if self.data != LITTLE_ENDIAN && self.machine != 22 => {
                format!("{name} (big-endian)")
            }
            (Some(name), _) => name.to_owned(),
            (None, _) => format!("of an unknown machine (e_machine {})", self.machine),
        }
    }

    /// Returns the path of the dynamic loader (`PT_INTERP`); `None` for static programs and libraries.
    pub fn loader(&self) -> Option<&[u8]> {
        self.loader.as_deref()
    }
}

/// Finds `PT_INTERP` among the program headers of a 64-bit little-endian file.
fn loader(head: &[u8]) -> Option<Box<[u8]>> {
    let table = usize::try_from(long(head, 32)?).ok()?;
    let entry_size = usize::from(short(head, 54)?);
    let entries = usize::from(short(head, 56)?);
    if entry_size < 56 {
        return None;
    }
    let segment = head.get(table..)?.chunks_exact(entry_size).take(entries).find(|entry| {
        entry.first_chunk().is_some_and(|kind: &[u8; 4]| u32::from_le_bytes(*kind) == PROGRAM_INTERPRETER)
    })?;
    let start = usize::try_from(long(segment, 8)?).ok()?;
    let length = usize::try_from(long(segment, 32)?).ok()?;
    let text = head.get(start..start.checked_add(length)?)?;
    let path = text.split(|byte| *byte == 0).next()?;
    if path.is_empty() { None } else { Some(path.into()) }
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Elf, HEAD};
    use crate::image::Platform;

    fn header(class: u8, data: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut head = b"\x7fELF".to_vec();
        head.extend([class, data, 1, 0]);
        head.resize(16, 0);
        for half in [kind, machine] {
            head.extend(if data == 2 { half.to_be_bytes() } else { half.to_le_bytes() });
        }
        head.resize(64, 0);
        head
    }

    #[test]
    fn parses_programs_and_shared_objects_only() {
        for (kind, judged) in [(0, false), (1, false), (2, true), (3, true), (4, false), (0xfe00, false)] {
            assert_eq!(Elf::parse(&header(2, 1, kind, 62)).is_some(), judged, "e_type {kind}");
        }
        for other in [&b""[..], b"\x7fEL", b"\x7fELF", b"#!/bin/sh\n", b"MZ\x90\0", &header(2, 1, 2, 62)[..19]] {
            assert_eq!(Elf::parse(other), None);
        }
    }

    #[test]
    fn distinguishes_and_names_machines() {
        for (class, data, machine, amd64, arm64, name) in [
            (2, 1, 62, true, false, "x86-64"),
            (1, 1, 62, false, false, "x32 (32-bit ABI of x86-64)"),
            (1, 1, 3, false, false, "i386 (32-bit x86)"),
            (2, 1, 183, false, true, "aarch64"),
            (2, 2, 183, false, false, "aarch64 (big-endian)"),
            (1, 1, 40, false, false, "arm (32-bit)"),
            (2, 2, 22, false, false, "s390x"),
            (2, 1, 243, false, false, "riscv64"),
            (2, 1, 9999, false, false, "of an unknown machine (e_machine 9999)"),
        ] {
            let elf = Elf::parse(&header(class, data, 3, machine)).unwrap();
            assert_eq!(elf.runs_on(Platform::LinuxAmd64), amd64, "{name}");
            assert_eq!(elf.runs_on(Platform::LinuxArm64), arm64, "{name}");
            assert_eq!(elf.machine(), name);
        }
    }

    #[test]
    fn finds_loader_within_bounds() {
        let mut head = header(2, 1, 3, 62);
        head[32] = 64;
        head[54] = 56;
        head[56] = 1;
        let mut segment = vec![0; 56];
        segment[0] = 3;
        segment[8] = 120;
        segment[32] = 9;
        head.extend(segment);
        head.extend(b"/lib/ld.\0");
        assert_eq!(Elf::parse(&head).unwrap().loader(), Some(&b"/lib/ld."[..]));
        for at in [32, 33, 39, 54, 55, 64 + 8, 64 + 15, 64 + 32, 64 + 39] {
            let mut wild = head.clone();
            wild[at] = 0xff;
            assert_eq!(Elf::parse(&wild).unwrap().loader(), None, "byte {at}");
        }
    }

    #[test]
    fn parses_this_test_program() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = Elf::parse(&own[..HEAD]);
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            let elf = elf.unwrap();
            assert!(elf.runs_on(Platform::LinuxAmd64));
            assert!(elf.loader().unwrap().starts_with(b"/lib"));
        }
    }
}
