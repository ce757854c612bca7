//! Tar headers and extended headers, parsed as Go's archive reader parses them, because container runtimes unpack with
//! it. A header that other readers parse differently (GNU or star extensions, sparse files) is rejected. The `tar`
//! crate is not used: it keeps extended headers of any size in memory and splits their records at line feeds.

use super::limits::MAX_EXTENDED;

/// Size of a header and unit of padding, in bytes.
pub(super) const BLOCK: usize = 512;

/// The parsed fields of one header.
#[derive(Debug)]
pub(super) struct Header {
    pub kind: u8,
    pub path: Vec<u8>,
    pub link: Vec<u8>,
    pub size: u64,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

/// The relevant records of an extended header.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
}

/// The reason why a header is rejected.
pub(super) type Refusal = &'static str;

impl Header {
    /// Parses one block that is not all zeros.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Header, Refusal> {
        if !has_checksum(block, number(field(block, 148, 8))?) {
            return Err("a header's checksum does not match");
        }
        let magic = field(block, 257, 8);
        let mut path = Vec::new();
        if magic.starts_with(b"ustar\0") {
            if field(block, 508, 4) == b"tar\0" {
                return Err("a header in star's format, which readers disagree about");
            }
            let prefix = text(field(block, 345, 155));
            if !prefix.is_empty() {
                path.extend_from_slice(prefix);
                path.push(b'/');
            }
        } else if magic == b"ustar  \0"
            && (number(field(block, 345, 12)).is_err() || number(field(block, 357, 12)).is_err())
        {
            return Err("a GNU header with a path where its times belong, which readers disagree about");
        }
        path.extend_from_slice(text(field(block, 0, 100)));
        let mode = number(field(block, 100, 8))?;
        Ok(Header {
            kind: *block.get(156).unwrap_or(&0),
            path,
            link: text(field(block, 157, 100)).to_vec(),
            size: number(field(block, 124, 12))?,
            mode: u32::try_from(mode).map_err(|_| "a mode that is no mode")?,
            uid: number(field(block, 108, 8))?,
            gid: number(field(block, 116, 8))?,
        })
    }

    /// Overrides the fields with the records of an extended header.
    pub(super) fn extend(&mut self, extended: Extended) {
        self.path = extended.path.unwrap_or(std::mem::take(&mut self.path));
        self.link = extended.link.unwrap_or(std::mem::take(&mut self.link));
        self.size = extended.size.unwrap_or(self.size);
        self.uid = extended.uid.unwrap_or(self.uid);
        self.gid = extended.gid.unwrap_or(self.gid);
    }
}

impl Extended {
    /// Parses the records of a PAX extended header: `<length> <key>=<value>\n`, where the length includes the whole
    /// record.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Extended, Refusal> {
        const BAD: Refusal = "an extended header with malformed records";
        debug_assert!(bytes.len() as u64 <= MAX_EXTENDED);
        let mut extended = Extended::default();
        while !bytes.is_empty() {
            let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or(BAD)?;
            let length =
                decimal(bytes.get(..space).unwrap_or_default()).and_then(|n| usize::try_from(n).ok()).ok_or(BAD)?;
            let record = bytes.get(space + 1..length).ok_or(BAD)?;
            let record = record.strip_suffix(b"\n").ok_or(BAD)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
            let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            // An empty value removes a record.
            let bytes_of = |value: &[u8]| if value.is_empty() { None } else { Some(value.to_vec()) };
            let number_of = |value: &[u8]| match value {
                b"" => Ok(None),
                digits => decimal(digits).map(Some).ok_or("an extended header with a malformed number"),
            };
            match key {
                b"path" => extended.path = bytes_of(value),
                b"linkpath" => extended.link = bytes_of(value),
                b"size" => extended.size = number_of(value)?,
                b"uid" => extended.uid = number_of(value)?,
                b"gid" => extended.gid = number_of(value)?,
                b"" => return Err(BAD),
                key if key.starts_with(b"GNU.sparse.") => return Err("a sparse file, which readers disagree about"),
                _ => {}
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(extended)
    }
}

fn field(block: &[u8; BLOCK], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// Returns whether the sum of the bytes equals the stored checksum, with the checksum's own field counted as spaces.
/// A plain loop, because it runs over every header of an image. Old writers added signed bytes, which readers accept.
fn has_checksum(block: &[u8; BLOCK], stored: u64) -> bool {
    let (mut sum, mut high) = (8 * u64::from(b' '), 0);
    for part in [field(block, 0, 148), field(block, 156, BLOCK - 156)] {
        for byte in part {
            sum += u64::from(*byte);
            high += u64::from(*byte >> 7);
        }
    }
    sum == stored || sum.checked_sub(high * 256) == Some(stored)
}

/// Returns a field's text up to its first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Parses a number in octal, or in base 256 if the first bit is set.
fn number(field: &[u8]) -> Result<u64, Refusal> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            if first & 0x40 != 0 {
                return Err("a negative number");
            }
            rest.iter().try_fold(u64::from(first & 0x3f), |sum, byte| {
                if sum >> 56 == 0 { Ok(sum << 8 | u64::from(*byte)) } else { Err("a number that is too large") }
            })
        }
        _ => {
            let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
            let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
            let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(start, |at| at + 1);
            let digits = field.get(start..end).unwrap_or_default();
            digits.iter().try_fold(0_u64, |sum, byte| match byte {
                // Twelve octal digits are 36 bits, so this cannot overflow.
                b'0'..=b'7' => Ok(sum << 3 | u64::from(byte - b'0')),
                _ => Err("a number that is not octal"),
            })
        }
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Extended, Header, number};

    #[test]
    fn parses_octal_and_binary_numbers() {
        for (field, value) in [
            (&b"0000644\0"[..], Ok(0o644)),
            (b"   644 \0", Ok(0o644)),
            (b"\0\0\0\0\0\0\0\0", Ok(0)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Ok(256)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Ok(0x7fff_ffff_ffff_ffff)),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
        for bad in
            [&b"0000648\0"[..], b"-1", b"6 4", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80\x01\0\0\0\0\0\0\0\0\0\0"]
        {
            assert!(number(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn splits_records_by_length() {
        let records = b"27 SCHILY.xattr.user.x=a\nb\n13 path=a/b=\n15 size=123456\n";
        let extended = Extended::parse(records).unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"a/b="[..]));
        assert_eq!(extended.size, Some(123_456));
        for bad in [
            &b"5 a=b\n"[..],
            b"6 a=bc",
            b"99 path=x\n",
            b"0 path=x\n",
            b"3 \n",
            b"path=x\n",
            b"99999999999999999999 a=b\n",
            b"4 =\n",
            b"11 size=-5\n",
            b"22 GNU.sparse.major=1\n",
        ] {
            assert!(Extended::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn reads_headers_of_the_tar_crate() {
        let mut written = tar::Header::new_ustar();
        written.set_path("usr/bin/x").unwrap();
        written.set_mode(0o755);
        written.set_uid(1000);
        written.set_size(1234);
        written.set_entry_type(tar::EntryType::Regular);
        written.set_cksum();
        let header = Header::parse(written.as_bytes()).unwrap();
        assert_eq!((&*header.path, header.mode, header.uid, header.size), (&b"usr/bin/x"[..], 0o755, 1000, 1234));
        let mut flipped = *written.as_bytes();
        flipped[0] ^= 1;
        assert!(Header::parse(&flipped).is_err());
        assert!(Header::parse(&[0xff; BLOCK]).is_err());
    }
}
