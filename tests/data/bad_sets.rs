//! Sets with one thing wrong each, and what their errors must say.

use super::files::{
    File, cifar_batch, cifar_set, gzip, idx, idx_images, idx_labels, idx_set, npy, pixels, png, scene_arrays,
    scenes_set, tfjs_png, tfjs_set,
};

/// What is wrong, the files, and parts of the message: the file, the place, what was expected and found.
pub type BadSet = (&'static str, Vec<File>, &'static [&'static str]);

/// All of them.
pub fn bad_sets() -> Vec<BadSet> {
    [images(), labels(), packed(), whole_idx(), cifar(), pictures(), lists(), scenes()].concat()
}

/// `set` with the file `name` replaced.
fn with(mut set: Vec<File>, name: &str, bytes: Vec<u8>) -> Vec<File> {
    set.iter_mut().find(|(present, _)| present == name).unwrap().1 = bytes;
    set
}

/// `set` without the file `name`.
fn without(mut set: Vec<File>, name: &str) -> Vec<File> {
    set.retain(|(present, _)| present != name);
    set
}

fn cut(bytes: Vec<u8>, end: usize) -> Vec<u8> {
    bytes[..end].to_vec()
}

fn long(bytes: Vec<u8>) -> Vec<u8> {
    [bytes, vec![0]].concat()
}

/// `bytes` with a bit changed so many bytes from the end.
fn flipped(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let place = bytes.len() - from_end;
    bytes[place] ^= 1;
    bytes
}

// Tables: a row a line reads better than what rustfmt makes of them.

#[rustfmt::skip]
fn images() -> Vec<BadSet> {
    let set = |bytes| with(idx_set(), "train-images-idx3-ubyte", bytes);
    let header = |dimensions: &[u32]| set(idx(2051, dimensions, &pixels(288)));
    vec![
        ("images: empty", set(vec![]), &["some/set/train-images-idx3-ubyte: at byte 0", "an empty file", "cut off"]),
        ("images: cut in the header", set(cut(idx_images(4, 8, 9), 10)), &["byte 10", "number of rows", "cut off"]),
        ("images: cut", set(cut(idx_images(4, 8, 9), 300)), &["byte 300", "288 bytes", "the end after 284"]),
        ("images: too long", set(long(idx_images(4, 8, 9))), &["byte 304", "found more", "damaged"]),
        ("images: are labels", set(idx_labels(&[1])), &["expected magic number 2051", "2049 (IDX labels)"]),
        ("images: other magic", set(idx(7, &[4, 8, 9], &[])), &["byte 0", "found 7", "another kind of file"]),
        ("images: none", header(&[0, 8, 9]), &["byte 4", "at least 1 of the images, found 0"]),
        ("images: low", header(&[4, 7, 9]), &["byte 8", "8 to 96 rows, found 7"]),
        ("images: wide", header(&[4, 8, 97]), &["byte 12", "8 to 96 columns, found 97"]),
        ("images: endless", header(&[u32::MAX, 96, 96]), &["byte 4", "at most 2147483648 bytes"]),
        ("images: fewer", header(&[2, 16, 9]), &["holds 2 images", "some/set/train-labels", "4 labels"]),
    ]
}

#[rustfmt::skip]
fn labels() -> Vec<BadSet> {
    let set = |bytes| with(idx_set(), "train-labels-idx1-ubyte", bytes);
    vec![
        ("labels: empty", set(vec![]), &["some/set/train-labels-idx1-ubyte: at byte 0", "an empty file"]),
        ("labels: are images", set(idx_images(4, 8, 9)), &["expected magic number 2049", "2051 (IDX images)"]),
        ("labels: none", set(idx_labels(&[])), &["byte 4", "at least 1 of the labels, found 0"]),
        ("labels: cut", set(cut(idx_labels(&[0, 1, 2, 1]), 11)), &["byte 11", "expected 4 bytes", "end after 3"]),
        ("labels: too long", set(long(idx_labels(&[0, 1, 2, 1]))), &["byte 12", "found more"]),
        ("labels: out of range", set(idx_labels(&[0, 1, 100, 1])), &["byte 10", "from 0 to 99, found 100"]),
        ("labels: fewer", set(idx_labels(&[0, 1])), &["holds 4 images", "holds 2 labels"]),
    ]
}

#[rustfmt::skip]
fn packed() -> Vec<BadSet> {
    let set = |bytes| with(idx_set(), "t10k-images.idx3-ubyte.gz", bytes);
    let sound = || idx_images(2, 8, 9);
    vec![
        ("gzip: cut", set(cut(gzip(&sound()), 60)), &["idx3-ubyte.gz", "unpacked data", "sound gzip"]),
        ("gzip: checksum", set(flipped(gzip(&sound()), 8)), &["byte 160 of the unpacked data", "checksum"]),
        ("gzip: bomb", set(gzip(&[sound(), vec![0; 1 << 24]].concat())), &["byte 160 of the unpacked", "found more"]),
        ("gzip: too long", set(gzip(&long(sound()))), &["byte 160 of the unpacked data", "found more"]),
        ("gzip: in gzip", set(gzip(&gzip(&sound()))), &["byte 0 of the unpacked data", "magic number 2051"]),
        ("gzip: rubbish after it", set(long(gzip(&sound()))), &["unpacked data", "sound gzip"]),
    ]
}

#[rustfmt::skip]
fn whole_idx() -> Vec<BadSet> {
    let shape = with(idx_set(), "t10k-images.idx3-ubyte.gz", gzip(&idx_images(2, 9, 8)));
    let single = with(idx_set(), "train-labels-idx1-ubyte", idx_labels(&[0; 4]));
    let single = with(single, "t10k-labels.idx1-ubyte", idx_labels(&[0; 2]));
    let with_names = |names: &[u8]| [idx_set(), vec![("classes.txt".to_owned(), names.to_vec())]].concat();
    vec![
        ("idx: shapes differ", shape, &["set: training images are [1, 8, 9], but test images [1, 9, 8]"]),
        ("idx: one class", single, &["every image has label 0", "at least 2 classes"]),
        ("idx: too few names", with_names(b"cat\ndog\n"), &["some/set/classes.txt names 2 classes", "labels up to 2", "one a line"]),
        ("idx: name left out", with_names(b"cat\n\ndog\n"), &["classes.txt: at line 2"]),
        ("idx: no test labels", without(idx_set(), "t10k-labels.idx1-ubyte"), &["some/set: t10k-labels-idx1-ubyte or"]),
        ("idx: no images", without(idx_set(), "train-images-idx3-ubyte"), &["train-images.idx3-ubyte.gz is missing"]),
    ]
}

#[rustfmt::skip]
fn cifar() -> Vec<BadSet> {
    let set = |bytes| with(cifar_set(), "data_batch_2.bin", bytes);
    let named = |names: &[u8]| [cifar_set(), vec![("batches.meta.txt".to_owned(), names.to_vec())]].concat();
    vec![
        ("cifar: empty", set(vec![]), &["some/set/data_batch_2.bin: at byte 0", "3073 bytes", "an empty file"]),
        ("cifar: cut", set(cut(cifar_batch(&[1, 2]), 6000)), &["byte 3073", "found only 2927", "cut off"]),
        ("cifar: too long", set(long(cifar_batch(&[1, 2]))), &["byte 6146", "found only 1;"]),
        ("cifar: label", set(cifar_batch(&[1, 10])), &["byte 3073", "from 0 to 9, found 10"]),
        ("cifar: too few names", named(b"cat\ndog\n"), &["data_batch_1.bin: at byte 3073", "from 0 to 1, found 9"]),
        ("cifar: name left out", named(b"cat\n\nowl\n"), &["batches.meta.txt: at line 2", "name of class 1"]),
        ("cifar: names in no alphabet", named(b"cat\n\xff"), &["batches.meta.txt: at byte 4", "UTF-8"]),
        ("cifar: batch missing", without(cifar_set(), "data_batch_4.bin"), &["data_batch_4.bin is missing"]),
        ("cifar: test missing", without(cifar_set(), "test_batch.bin"), &["test_batch.bin is missing"]),
    ]
}

#[rustfmt::skip]
fn pictures() -> Vec<BadSet> {
    let set = |bytes| with(tfjs_set(), "test_batch.png", bytes);
    let grey = png(1024, 3, png::ColorType::Grayscale, &pixels(3072));
    let narrow = png(1023, 1, png::ColorType::Rgb, &pixels(3069));
    vec![
        ("png: empty", set(vec![]), &["some/set/test_batch.png: at byte 0", "an empty file"]),
        ("png: other file", set(cifar_batch(&[1])), &["test_batch.png", "sound PNG data"]),
        ("png: cut", set(cut(tfjs_png(3), 120)), &["byte 120", "sound PNG data", "cut off"]),
        ("png: damaged", set(flipped(tfjs_png(3), 20)), &["sound PNG data", "WrongChecksum", "damaged"]),
        ("png: too long", set(long(tfjs_png(3))), &["the end of the file", "found 1 bytes more"]),
        ("png: grey", set(grey), &["byte 16", "8-bit Grayscale"]),
        ("png: narrow", set(narrow), &["byte 16", "1024 pixels wide", "1023 pixels wide"]),
        ("png: fewer than labels", set(tfjs_png(2)), &["some/set: test_batch.png holds 2 images", "3 labels"]),
        ("png: missing", without(tfjs_set(), "data_batch_1.png"), &["data_batch_1.png is missing"]),
    ]
}

#[rustfmt::skip]
fn lists() -> Vec<BadSet> {
    let set = |text: &str| with(tfjs_set(), "test_lables.json", text.into());
    vec![
        ("json: empty", set(""), &["some/set/test_lables.json: at byte 0", "an empty file"]),
        ("json: cut", set("[3, 2, "), &["test_lables.json: at byte 7", "cut off"]),
        ("json: empty list", set("[]"), &["expected a JSON list of labels", "an empty list"]),
        ("json: another thing", set("{\"labels\": [3, 2, 1]}"), &["byte 0", "expected a JSON list"]),
        ("json: not whole", set("[3, 2.5, 1]"), &["byte 7", "2.5"]),
        ("json: negative", set("[3,\n-2, 1]"), &["byte 6", "-2"]),
        ("json: label", set("[3, 10, 1]"), &["entry 1", "from 0 to 9, found 10"]),
        ("json: rubbish after it", set("[3, 2, 1] 4"), &["byte 11", "trailing characters"]),
        ("json: missing", without(tfjs_set(), "train_lables.json"), &["train_lables.json is missing"]),
    ]
}

#[rustfmt::skip]
fn scenes() -> Vec<BadSet> {
    let set = |name: &str, descriptor: &str, shape: &str, body: &[u8]| {
        let mut arrays = scene_arrays();
        arrays.iter_mut().find(|(present, _)| *present == name).unwrap().1 = npy(descriptor, shape, body);
        scenes_set(&arrays)
    };
    let file = |bytes: Vec<u8>| vec![("scenes.npz".to_owned(), bytes)];
    let whole = scenes_set(&scene_arrays()).remove(0).1;
    let mut lacking = scene_arrays();
    lacking.remove(2);
    let mut damaged = whole.clone();
    // Within the packed numbers of the first array.
    damaged[200] ^= 0x55;
    let mut verbose = scene_arrays();
    verbose[3].1 = npy("|u1", &"(".repeat(5000), &[]);
    vec![
        ("scenes: empty", file(vec![]), &["some/set/scenes.npz: at byte 0", "a zip archive", "an empty file", "cut off"]),
        ("scenes: no zip", file(pixels(500)), &["byte 0", "a zip archive", "another kind of file"]),
        ("scenes: cut", file(cut(whole.clone(), whole.len() - 30)), &["a zip archive", "cut off"]),
        ("scenes: damaged", file(damaged), &["array rgb", "sound zip data", "damaged"]),
        ("scenes: array missing", scenes_set(&lacking), &["array seg", "expected seg.npy, beside", "found depth_mm.npy, is_test.npy"]),
        ("scenes: nothing in it", scenes_set(&vec![]), &["array rgb", "found nothing"]),
        ("scenes: wrong type", set("depth_mm", "<f4", "(4, 8, 9)", &[0; 1152]), &["array depth_mm", "whole numbers from 0 to 65535", "the type <f4", "convert it"]),
        ("scenes: deep", set("depth_mm", "<i4", "(4, 8, 9)", &70_000_i32.to_le_bytes().repeat(288)), &["array depth_mm", "0 to 65535, found 70000 at place 0"]),
        ("scenes: negative class", set("scene", "<i8", "(4,)", &(-1_i64).to_le_bytes().repeat(4)), &["array scene", "found -1 at place 0"]),
        ("scenes: neither true nor false", set("is_test", "|b1", "(4,)", &[0, 1, 2, 0]), &["array is_test", "0x02"]),
        ("scenes: names too few", [scenes_set(&scene_arrays()), vec![("classes.txt".into(), b"a\nb\n".to_vec())]].concat(), &["some/set/classes.txt names 2 classes", "labels up to 2"]),
        ("scenes: grey", set("rgb", "|u1", "(4, 8, 9, 1)", &[0; 288]), &["array rgb", "shape [any, any, any, 3]", "[4, 8, 9, 1]"]),
        ("scenes: flat", set("rgb", "|u1", "(864,)", &[0; 864]), &["array rgb", "found [864]"]),
        ("scenes: small", set("rgb", "|u1", "(4, 4, 9, 3)", &[0; 432]), &["array rgb", "8 to 96 pixels", "[4, 4, 9, 3]"]),
        ("scenes: none", set("rgb", "|u1", "(0, 8, 9, 3)", &[]), &["array rgb", "at least one image"]),
        ("scenes: fewer depths", set("depth_mm", "<u2", "(3, 8, 9)", &[0; 432]), &["array depth_mm", "shape [4, 8, 9]", "[3, 8, 9]"]),
        ("scenes: body cut", set("seg", "|u1", "(4, 8, 9)", &[0; 287]), &["array seg", "1 byte missing"]),
        ("scenes: body long", set("seg", "|u1", "(4, 8, 9)", &[0; 289]), &["array seg", "1 byte too many"]),
        ("scenes: endless", set("scene", "|u1", "(9223372036854775807, 4)", &[0; 4]), &["array scene"]),
        ("scenes: endless nothing", set("scene", "|u1", "(0, 9223372036854775807, 9223372036854775807)", &[]), &["array scene"]),
        ("scenes: endless in hexadecimal", set("scene", "|u1", "(0, 0x7fffffffffffffff, 0x7fffffffffffffff)", &[]), &["array scene", "0x7f"]),
        ("scenes: long header", scenes_set(&verbose), &["array scene", "header of at most 1024 bytes"]),
        ("scenes: many classes", set("scene", "|u1", "(4,)", &[0, 1, 100, 1]), &["array scene", "0 to 99", "100 for image 2"]),
        ("scenes: third part", set("is_test", "|u1", "(4,)", &[0, 1, 0, 2]), &["array is_test", "0 to 1", "2 for image 3"]),
        ("scenes: no test", set("is_test", "|u1", "(4,)", &[0; 4]), &["array is_test", "some ones", "0 everywhere"]),
        ("scenes: one class", set("scene", "|u1", "(4,)", &[0; 4]), &["at least 2 classes"]),
        ("scenes: two files", [file(whole.clone()), vec![("other.npz".into(), whole)]].concat(), &["expected one .npz", "scenes.npz, other.npz"]),
    ]
}
