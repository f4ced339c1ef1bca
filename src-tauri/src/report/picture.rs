//! The tenant's picture for the tile: taken apart here, in the process without rights, so that
//! nobody privileged reads an image. One size alone, no matter what the file says of itself.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};
use protocol::host::tile::Picture;

/// No honest file is larger.
const MOST_BYTES: usize = 64 * 1024;
/// What taking one apart may take: the pixels at their widest, and what `inflate` needs.
const MOST_MEMORY: usize = 1024 * 1024;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPicture {
    #[error("the picture has {0} bytes, and at most {MOST_BYTES} are taken")]
    Bytes(usize),
    #[error("the picture has {0} by {1} points, and only {side} by {side} are taken", side = Picture::SIDE)]
    Size(u32, u32),
    #[error("the picture is no PNG that is understood: {0}")]
    Png(#[from] png::DecodingError),
    #[error("the picture has colours that are not understood")]
    Colours,
}

/// Rows from top to bottom, four bytes a point: blue, green, red, alpha.
pub(super) fn pixels(file: &[u8]) -> Result<Vec<u8>, NoPicture> {
    if file.len() > MOST_BYTES {
        return Err(NoPicture::Bytes(file.len()));
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MOST_MEMORY });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let info = decoder.read_header_info()?;
    let (width, height) = (info.width, info.height);
    let side = u32::from(Picture::SIDE);
    if (width, height) != (side, side) {
        return Err(NoPicture::Size(width, height));
    }
    let mut reader = decoder.read_info()?;
    // As wide as any of the colours below.
    let mut room = vec![0; Picture::BYTES];
    if reader.output_buffer_size().is_none_or(|size| size > room.len()) {
        return Err(NoPicture::Colours);
    }
    let frame = reader.next_frame(&mut room)?;
    let read = room.get(..frame.buffer_size()).unwrap_or_default();
    let pixels: Vec<u8> = match frame.color_type {
        ColorType::Rgba => swap(read.as_chunks().0.iter().copied()),
        ColorType::GrayscaleAlpha => {
            swap(read.as_chunks().0.iter().map(|&[grey, alpha]| [grey, grey, grey, alpha]))
        }
        ColorType::Rgb | ColorType::Grayscale | ColorType::Indexed => {
            return Err(NoPicture::Colours);
        }
    };
    if pixels.len() == Picture::BYTES { Ok(pixels) } else { Err(NoPicture::Colours) }
}

fn swap(points: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    points.flat_map(|[red, green, blue, alpha]| [blue, green, red, alpha]).collect()
}

#[cfg(test)]
mod tests {
    use png::{BitDepth, Encoder};

    use super::*;

    fn file(side: u32, color: ColorType, depth: BitDepth, point: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, side, side);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3]);
        }
        let points = usize::try_from(side * side).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&point.repeat(points)).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn every_kind_of_colour_becomes_bare_pixels() {
        use BitDepth::{Eight, Sixteen};
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        let cases: [(ColorType, BitDepth, &[u8], [u8; 4]); 6] = [
            (Rgba, Eight, &[1, 2, 3, 4], [3, 2, 1, 4]),
            (Rgba, Sixteen, &[1, 0, 2, 0, 3, 0, 4, 0], [3, 2, 1, 4]),
            (Rgb, Eight, &[1, 2, 3], [3, 2, 1, 255]),
            (Grayscale, Eight, &[7], [7, 7, 7, 255]),
            (GrayscaleAlpha, Eight, &[7, 9], [7, 7, 7, 9]),
            (Indexed, Eight, &[0], [3, 2, 1, 255]),
        ];
        for (color, depth, point, expected) in cases {
            let pixels = pixels(&file(128, color, depth, point)).unwrap();
            assert_eq!(pixels.len(), Picture::BYTES, "{color:?}");
            assert!(pixels.as_chunks().0.iter().all(|point| *point == expected), "{color:?}");
        }
    }

    #[test]
    fn another_size_is_refused_before_anything_is_taken_apart() {
        for side in [1, 127, 129, 4000] {
            // The header alone, of a size that the pixels never follow in.
            let mut header = file(1, ColorType::Grayscale, BitDepth::Eight, &[0]);
            header[16..20].copy_from_slice(&u32::to_be_bytes(side));
            header[20..24].copy_from_slice(&u32::to_be_bytes(side));
            let sum = crc(&header[12..29]);
            header[29..33].copy_from_slice(&sum.to_be_bytes());
            let refused = pixels(&header).unwrap_err();
            assert!(matches!(refused, NoPicture::Size(w, h) if w == side && h == side));
        }
        assert!(matches!(pixels(&vec![0; MOST_BYTES + 1]), Err(NoPicture::Bytes(_))));
    }

    #[test]
    fn what_is_broken_is_refused() {
        let good = file(128, ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 4]);
        assert!(pixels(&good).is_ok());
        for cut in 0..good.len() - 12 {
            assert!(pixels(&good[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..good.len() {
            let mut broken = good.clone();
            broken[at] ^= 0x55;
            if let Ok(pixels) = pixels(&broken) {
                assert_eq!(pixels.len(), Picture::BYTES);
            }
        }
    }

    /// As PNG has it.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
            })
        })
    }
}
