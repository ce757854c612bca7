//! The container that holds the network of a task while its containers come and go. Its image is made here, of one
//! program of a few machine instructions, so that no registry is needed.

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt;

use super::engine::{INSTANCE, Kind, kind};

/// Name of the image; one for each instance, so that `sweep` can remove it without asking who else uses it.
pub(super) fn image(instance: &str) -> String {
    format!("slipway-local-pause:{instance}")
}

/// Creates the image where it is absent.
pub(super) async fn ensure_image(docker: &Docker, instance: &str, architecture: &str) -> Result<(), Error> {
    match docker.inspect_image(&image(instance)).await {
        Ok(_) => return Ok(()),
        Err(error) if kind(&error) == Kind::Missing => {}
        Err(error) => return Err(error),
    }
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo("slipway-local-pause")
        .tag(instance)
        .changes(vec![format!("LABEL {INSTANCE}={instance}"), "ENTRYPOINT [\"/pause\"]".into()])
        .build();
    let archive = tar(&program(architecture));
    let mut progress = docker.create_image(Some(options), Some(bollard::body_full(Bytes::from(archive))), None);
    while let Some(step) = progress.next().await {
        // Another task may have made it in the meantime: the engine does not want it twice.
        if let Err(error) = step {
            return docker.inspect_image(&image(instance)).await.map(|_| ()).map_err(|_| error);
        }
    }
    Ok(())
}

/// Removes the image; one that is not there is fine.
pub(super) async fn remove_image(docker: &Docker, instance: &str) -> Result<(), Error> {
    let options = RemoveImageOptionsBuilder::default().build();
    match docker.remove_image(&image(instance), Some(options), None).await {
        Err(error) if !matches!(kind(&error), Kind::Missing | Kind::Conflict) => Err(error),
        _ => Ok(()),
    }
}

/// Waits for a signal, and again. As the first process of its namespace it ignores all signals but SIGKILL.
const X86_64: [u8; 9] = [
    0xb8, 0x22, 0x00, 0x00, 0x00, // mov eax, 34 (pause)
    0x0f, 0x05, //                   syscall
    0xeb, 0xf7, //                   jmp to the start, 9 bytes back
];

/// The same; this architecture has no `pause`, but `ppoll` without files and without an end.
const AARCH64: [u32; 8] = [
    0xd280_0000, // mov x0, 0 (no files)
    0xd280_0001, // mov x1, 0 (how many)
    0xd280_0002, // mov x2, 0 (no end)
    0xd280_0003, // mov x3, 0 (no signal mask)
    0xd280_0004, // mov x4, 0 (its size)
    0xd280_0928, // mov x8, 73 (ppoll)
    0xd400_0001, // svc 0
    0x17ff_fff9, // b to the start, 7 instructions back
];

/// The address that the file is mapped at: the usual one of static programs.
const BASE: u64 = 0x40_0000;
/// Bytes of an ELF header of 64 bits.
const HEADER: u16 = 64;
/// Bytes of a program header.
const SEGMENT: u16 = 56;

/// A static ELF program: the header, one segment that is the whole file, the instructions.
fn program(architecture: &str) -> Vec<u8> {
    let (machine, code): (u16, Vec<u8>) = match architecture {
        // EM_AARCH64
        "aarch64" | "arm64" => (183, AARCH64.iter().flat_map(|word| word.to_le_bytes()).collect()),
        // EM_X86_64
        _ => (62, X86_64.to_vec()),
    };
    let start = u64::from(HEADER + SEGMENT);
    let size = start + code.len() as u64;
    let mut elf = Vec::new();
    elf.extend(*b"\x7fELF"); //                      magic
    elf.extend([2, 1, 1, 0]); //                     64 bits, little endian, version 1, System V
    elf.extend([0; 8]); //                           padding
    elf.extend(2_u16.to_le_bytes()); //              an executable
    elf.extend(machine.to_le_bytes()); //            for this machine
    elf.extend(1_u32.to_le_bytes()); //              version 1
    elf.extend((BASE + start).to_le_bytes()); //     entry point
    elf.extend(u64::from(HEADER).to_le_bytes()); //  where the program headers are
    elf.extend(0_u64.to_le_bytes()); //              no section headers
    elf.extend(0_u32.to_le_bytes()); //              no flags
    elf.extend(HEADER.to_le_bytes()); //             size of this header
    elf.extend(SEGMENT.to_le_bytes()); //            size of a program header
    elf.extend(1_u16.to_le_bytes()); //              how many
    elf.extend([0; 6]); //                           no sections: size, number, names
    elf.extend(1_u32.to_le_bytes()); //              PT_LOAD
    elf.extend(5_u32.to_le_bytes()); //              readable and executable
    elf.extend(0_u64.to_le_bytes()); //              from the start of the file
    elf.extend(BASE.to_le_bytes()); //               virtual address
    elf.extend(BASE.to_le_bytes()); //               physical address, unused
    elf.extend(size.to_le_bytes()); //               bytes in the file
    elf.extend(size.to_le_bytes()); //               bytes in memory
    elf.extend(0x1_0000_u64.to_le_bytes()); //       alignment: the largest page that arm64 has
    elf.extend(code);
    elf
}

/// A tar archive of one executable file, `pause`.
fn tar(content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, b"pause"); //                                         name
    put(100, b"0000755\0"); //                                   mode
    put(108, b"0000000\0"); //                                   owner
    put(116, b"0000000\0"); //                                   group
    put(124, format!("{:011o}\0", content.len()).as_bytes()); // size
    put(136, b"00000000000\0"); //                               time
    put(148, b"        "); //                                    checksum, as spaces while it is summed up
    put(156, b"0"); //                                           a file
    put(257, b"ustar\x0000"); //                                 format and its version
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    // Two empty blocks end an archive.
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_begin_where_their_header_says() {
        for (architecture, machine, code) in [("x86_64", 62, 0xb8), ("aarch64", 183, 0x00)] {
            let elf = program(architecture);
            assert_eq!(u16::from_le_bytes([elf[18], elf[19]]), machine);
            let entry = u64::from_le_bytes(elf[24..32].try_into().unwrap()) - BASE;
            assert_eq!(entry, 120);
            assert_eq!(elf[120], code);
        }
    }

    #[test]
    fn the_archive_is_what_tar_reads() {
        let archive = tar(&program("x86_64"));
        assert_eq!(archive.len() % 512, 0);
        let sum: u32 =
            archive[..148].iter().chain(&archive[156..512]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        assert_eq!(&archive[148..154], format!("{sum:06o}").as_bytes());
    }
}
