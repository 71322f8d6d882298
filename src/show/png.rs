//! Pixels as a PNG.

/// A PNG of `[width, height]` opaque pixels, three bytes each, row by row.
///
/// # Panics
/// Where there are not `3 × width × height` bytes.
pub fn encode([width, height]: [usize; 2], rgb: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(rgb))
        .expect("writing to memory cannot fail, and there are width × height pixels");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_reads_back() {
        let decoder = ::png::Decoder::new(std::io::Cursor::new(encode([3, 2], &[1, 2, 3].repeat(6))));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; 18];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, [1, 2, 3].repeat(6));
    }
}
