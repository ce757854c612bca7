//! A layer's tar stream with one timestamp for every entry, byte for byte identical otherwise.
//!
//! BuildKit's `rewrite-timestamp` only lowers timestamps. That is not enough: an old checkout has older files than a
//! fresh clone, and a cached layer older files than a layer built now. So every timestamp is replaced.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// Ranges of fields in the ustar header: digits in octal, then a terminator.
const MTIME: std::ops::Range<usize> = 136..148;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
/// The type of a header that extends the next entry with `key=value` records (POSIX pax).
const EXTENDED: u8 = b'x';
/// Maximum size of an extended header, in bytes. Honest ones hold a path or an attribute.
const LARGEST_EXTENDED: u64 = 1 << 20;
/// Records of an extended header that repeat the times, with fractions.
const TIMES: [&[u8]; 3] = [b"mtime=", b"atime=", b"ctime="];

/// Copies a tar stream with `epoch` (seconds since 1970) as the modification time of every entry.
///
/// # Errors
/// Returns `InvalidData` for an invalid header, and `UnexpectedEof` for a stream that ends within an entry.
pub fn copy_normalized(mut from: impl Read, mut to: impl Write, epoch: u64) -> io::Result<()> {
    let mut header = [0_u8; BLOCK];
    while read_block(&mut from, &mut header)? {
        if header.iter().all(|byte| *byte == 0) {
            to.write_all(&header)?;
            continue;
        }
        if checksum(&header) != number(&header[CHECKSUM])? {
            return Err(invalid("a header of the layer has a wrong checksum"));
        }
        let size = number(&header[SIZE])?;
        if header[KIND] == EXTENDED {
            let records = read_extended(&mut from, size)?;
            if !records.is_empty() {
                set(&mut header, SIZE, records.len() as u64)?;
                to.write_all(&header)?;
                to.write_all(&records)?;
                to.write_all(&[0; BLOCK][..padding(records.len() as u64)?])?;
            }
            continue;
        }
        set(&mut header, MTIME, epoch)?;
        to.write_all(&header)?;
        let padded = size + padding(size)? as u64;
        if io::copy(&mut (&mut from).take(padded), &mut to)? != padded {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the layer ends within an entry"));
        }
    }
    Ok(())
}

/// Reads a block. Returns `false` at the end of the stream.
fn read_block(from: &mut impl Read, block: &mut [u8; BLOCK]) -> io::Result<bool> {
    match from.read(&mut block[..1])? {
        0 => Ok(false),
        _ => from.read_exact(&mut block[1..]).map(|()| true),
    }
}

/// Reads the records of an extended header, except those of times.
fn read_extended(from: &mut impl Read, size: u64) -> io::Result<Vec<u8>> {
    if size > LARGEST_EXTENDED {
        return Err(invalid("an extended header is too large"));
    }
    let mut bytes = vec![0; usize::try_from(size + padding(size)? as u64).map_err(|_| invalid("an impossible size"))?];
    from.read_exact(&mut bytes)?;
    bytes.truncate(usize::try_from(size).unwrap_or_default());
    let mut kept = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        // `<length> <key>=<value>\n`, where the length is decimal and includes the whole record.
        let broken = || invalid("an extended header is broken");
        let space = rest.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
        let digits = rest.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(broken)?;
        let length = digits.parse::<usize>().map_err(|_| broken())?;
        let record = rest.get(..length).filter(|record| record.len() > space).ok_or_else(broken)?;
        let text = record.get(space + 1..).unwrap_or_default();
        if !TIMES.iter().any(|time| text.starts_with(time)) {
            kept.extend_from_slice(record);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(kept)
}

/// Returns the number of bytes that pad `size` bytes to a whole block.
fn padding(size: u64) -> io::Result<usize> {
    let padded =
        size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| invalid("an entry has an impossible size"))?;
    Ok(usize::try_from(padded - size).unwrap_or_default())
}

/// Writes an octal field of twelve bytes and updates the checksum.
fn set(header: &mut [u8; BLOCK], field: std::ops::Range<usize>, value: u64) -> io::Result<()> {
    let digits = format!("{value:011o}\0");
    if digits.len() != field.len() {
        return Err(invalid("a number does not fit into a header"));
    }
    header[field].copy_from_slice(digits.as_bytes());
    let sum = format!("{:06o}\0 ", checksum(header));
    header[CHECKSUM].copy_from_slice(sum.as_bytes());
    Ok(())
}

/// Parses octal digits, or big-endian binary if the first bit is set (GNU's encoding of large numbers).
fn number(field: &[u8]) -> io::Result<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let (head, tail) = field.split_at(field.len().saturating_sub(8));
        if head.iter().skip(1).any(|byte| *byte != 0) {
            return Err(invalid("a number of a header is out of range"));
        }
        return Ok(tail.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(field).map_err(|_| invalid("a number of a header is not octal"))?;
    let digits = text.trim_matches(|c| c == '\0' || c == ' ');
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(digits, 8).map_err(|_| invalid("a number of a header is not octal"))
}

/// Computes the sum of all bytes, with the checksum's own field counted as spaces.
fn checksum(header: &[u8; BLOCK]) -> u64 {
    let mut sum = 0;
    for (at, byte) in header.iter().enumerate() {
        sum += if CHECKSUM.contains(&at) { 32 } else { u64::from(*byte) };
    }
    sum
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::copy_normalized;

    fn layer(times: &[u64]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (at, time) in times.iter().enumerate() {
            let mut header = tar::Header::new_ustar();
            header.set_mtime(*time);
            header.set_mode(0o644);
            let content = "x".repeat(700 * at);
            header.set_size(content.len() as u64);
            if at == 1 {
                let exact = format!("{time}.5");
                let records: [(&str, &[u8]); 2] = [("mtime", exact.as_bytes()), ("SCHILY.xattr.user.a", b"b=c")];
                builder.append_pax_extensions(records).unwrap();
            }
            if at == 2 {
                builder.append_pax_extensions([("mtime", &b"1.5"[..])]).unwrap();
            }
            builder.append_data(&mut header, format!("file-{at}"), content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn stamped(layer: &[u8], epoch: u64) -> Vec<u8> {
        let mut out = Vec::new();
        copy_normalized(layer, &mut out, epoch).unwrap();
        out
    }

    #[test]
    fn sets_time_of_every_entry() {
        let out = stamped(&layer(&[5, 2_000_000_000, 1_000_000_000, 8_000_000_000]), 1_500_000_000);
        let mut seen = Vec::new();
        let mut attributes = Vec::new();
        for entry in tar::Archive::new(out.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            for record in entry.pax_extensions().unwrap().into_iter().flatten() {
                let record = record.unwrap();
                attributes.push((record.key().unwrap().to_owned(), record.value_bytes().to_vec()));
            }
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            seen.push((content.len(), entry.header().mtime().unwrap()));
        }
        assert_eq!(seen, [0, 700, 1400, 2100].map(|size| (size, 1_500_000_000)));
        assert_eq!(attributes, [("SCHILY.xattr.user.a".to_owned(), b"b=c".to_vec())]);
    }

    #[test]
    fn gives_same_bytes_for_old_and_new_checkout() {
        assert_eq!(stamped(&layer(&[1, 2, 3]), 9), stamped(&layer(&[7, 8_000_000_000, 9]), 9));
    }

    #[test]
    fn rejects_broken_streams() {
        let layer = layer(&[1, 2, 3]);
        for cut in [100, 512 + 100, layer.len() - 3 * 512] {
            // A cut between two entries gives a stream without end blocks, which tar readers accept.
            let result = copy_normalized(&layer[..cut], std::io::sink(), 0);
            assert!(result.is_err() || cut.is_multiple_of(512), "{cut}");
        }
        let mut bad = layer.clone();
        bad[0] ^= 1;
        assert!(copy_normalized(bad.as_slice(), std::io::sink(), 0).is_err());
        assert!(copy_normalized([7_u8; 512].as_slice(), std::io::sink(), 0).is_err());
        assert!(copy_normalized(layer.as_slice(), std::io::sink(), u64::MAX).is_err());
    }
}
