//! Data sets come out as they lie in their files, and no bytes whatever make a reader panic.

#[path = "../data/bad_sets.rs"]
mod bad_sets;
#[path = "../data/files.rs"]
mod files;

use std::fs;

use bad_sets::bad_sets;
use files::{
    File, cifar_batch, cifar_set, gzip, idx_images, idx_labels, idx_set, npy, npz, pixels, scene_arrays,
    scenes_set, tfjs_png, tfjs_set,
};
use great_lab::data::{
    self, DataError, Dataset, cifar, idx as idx_reader, names, npz as npz_reader, tfjs_cifar,
};
use proptest::prelude::*;

/// Loads these files from memory.
fn load(set: &[File]) -> Result<Dataset, DataError> {
    let names: Vec<String> = set.iter().map(|(name, _)| name.clone()).collect();
    data::folder::load_files("some/set", &names, &|name| {
        Ok(set.iter().find(|(present, _)| present == name).unwrap().1.clone())
    })
}

#[test]
fn idx_comes_out_as_it_lies() {
    let data = load(&idx_set()).unwrap();
    assert_eq!((data.name.as_str(), data.shape), ("set", [1, 8, 9]));
    assert_eq!(data.classes, ["0", "1", "2"]);
    assert_eq!(data.train.labels, [0, 1, 2, 1]);
    assert_eq!(data.train.pixels, pixels(4 * 72));
    assert_eq!(data.test.labels, [1, 0]);
    assert_eq!(data.test.image(1), &pixels(2 * 72)[72..]);
}

#[test]
fn cifar_binary_comes_out_as_it_lies() {
    let mut set = cifar_set();
    let data = load(&set).unwrap();
    assert_eq!((data.shape, data.classes.len(), data.classes[3].as_str()), ([3, 32, 32], 10, "cat"));
    assert_eq!(data.train.labels, [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    assert_eq!(data.train.image(3), &pixels(2 * 3072)[3072..]);
    assert_eq!(data.test.labels, [0, 1, 2]);
    set.push((
        "batches.meta.txt".into(),
        (0..12).map(|class| format!("kind {class}\n")).collect::<String>().into(),
    ));
    assert_eq!(load(&set).unwrap().classes[11], "kind 11");
}

#[test]
fn tfjs_cifar_comes_out_plane_by_plane() {
    let data = load(&tfjs_set()).unwrap();
    assert_eq!((data.shape, data.train.len(), data.test.len()), ([3, 32, 32], 10, 3));
    assert_eq!(data.test.labels, [3, 2, 1]);
    let (interleaved, planes) = (&pixels(2 * 3072)[3072..], data.train.image(1));
    for (place, pixel) in interleaved.chunks(3).enumerate() {
        assert_eq!(pixel, [planes[place], planes[1024 + place], planes[2048 + place]]);
    }
}

#[test]
fn scenes_come_out_plane_by_plane_with_their_depth() {
    let data = load(&scenes_set(&scene_arrays())).unwrap();
    assert_eq!((data.shape, data.classes.len()), ([3, 8, 9], 3));
    assert_eq!((data.train.labels, data.test.labels.as_slice()), (vec![0, 2], [1, 0].as_slice()));
    for packed in [false, true] {
        let [train, test] = npz_reader::parse(&npz(&scene_arrays(), packed), "file").unwrap();
        assert_eq!((train.size, train.len(), test.len()), ([8, 9], 2, 2));
        let (interleaved, planes) = (&pixels(4 * 216)[2 * 216..3 * 216], test.images.image(0));
        for (place, pixel) in interleaved.chunks(3).enumerate() {
            assert_eq!(pixel, [planes[place], planes[72 + place], planes[144 + place]]);
        }
        assert_eq!(test.segments, pixels(288)[144..]);
        assert_eq!((train.depth[71], train.depth[72], test.depth[143]), (1.0, 2.0, 4.0));
        // A wall across the optical axis faces the camera.
        assert_eq!(test.normals.len(), 2 * 216);
        for image in test.normals.chunks(216) {
            assert!(
                image[144..].iter().all(|&z| z < -0.999_99) && image[..144].iter().all(|z| z.abs() < 1e-3)
            );
        }
        assert!(train.key_points.is_empty());
    }
}

#[test]
fn whole_numbers_of_any_type_make_the_same_scenes() {
    let expected = npz_reader::parse(&npz(&scene_arrays(), false), "file").unwrap();
    let wide =
        |values: &[u8]| values.iter().flat_map(|value| i64::from(*value).to_le_bytes()).collect::<Vec<u8>>();
    let body = |name: &str| {
        let arrays = scene_arrays();
        let file = &arrays.iter().find(|(present, _)| *present == name).unwrap().1;
        file[128..].to_vec()
    };
    let depth: Vec<u8> = body("depth_mm")
        .chunks(2)
        .flat_map(|pair| i32::from(u16::from_le_bytes([pair[0], pair[1]])).to_be_bytes())
        .collect();
    for (name, array) in [
        ("is_test", npy("|b1", "(4,)", &body("is_test"))),
        ("is_test", npy("|i1", "(4,)", &body("is_test"))),
        ("is_test", npy("<i8", "(4,)", &wide(&body("is_test")))),
        ("scene", npy("<i8", "(4,)", &wide(&body("scene")))),
        ("seg", npy("<i8", "(4, 8, 9)", &wide(&body("seg")))),
        ("rgb", npy("<i8", "(4, 8, 9, 3)", &wide(&body("rgb")))),
        ("depth_mm", npy(">i4", "(4, 8, 9)", &depth)),
    ] {
        let mut arrays = scene_arrays();
        arrays.iter_mut().find(|(present, _)| *present == name).unwrap().1 = array;
        assert_eq!(npz_reader::parse(&npz(&arrays, false), "file").unwrap(), expected, "{name}");
    }
}

#[test]
fn classes_have_the_names_beside_them() {
    let named =
        |set: Vec<File>, text: &[u8]| load(&[set, vec![("classes.txt".into(), text.into())]].concat());
    let names = ["短袖衬衫", "a name with spaces", "owl"];
    let text = format!("\u{feff}{}\r\n", names.join("\r\n"));
    assert_eq!(named(idx_set(), text.as_bytes()).unwrap().classes, names);
    assert_eq!(named(scenes_set(&scene_arrays()), text.as_bytes()).unwrap().classes, names);
    let mut cifar = cifar_set();
    let ten: String = (0..10).map(|class| format!("kind {class}\n")).collect();
    cifar.push(("batches.meta.txt".into(), [b"\xef\xbb\xbf", ten.as_bytes()].concat()));
    assert_eq!(load(&cifar).unwrap().classes[0], "kind 0");
    let mut lists = tfjs_set();
    let labels = lists.iter_mut().find(|(name, _)| name == "test_lables.json").unwrap();
    labels.1 = b"\xef\xbb\xbf[3, 2, 1]".to_vec();
    assert_eq!(load(&lists).unwrap().test.labels, [3, 2, 1]);
}

#[test]
fn folders_and_names_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my-fashion-set");
    fs::create_dir(&path).unwrap();
    let source = path.to_str().unwrap();
    let message = |source: &str| data::load_from(source).unwrap_err().to_string();

    assert!(
        message("no-such-set")
            .contains("neither a data set that comes with the lab (fashion-mnist, solids, moons")
    );
    assert!(message("").contains("nor a folder"));
    let empty = message(source);
    for name in ["train-images.idx3-ubyte.gz", "data_batch_5.bin", "test_lables.json"] {
        assert!(empty.contains(name), "{empty}");
    }

    for (name, bytes) in idx_set() {
        fs::write(path.join(name), bytes).unwrap();
    }
    let data = data::load_from(source).unwrap();
    assert_eq!((data.name.as_str(), data.classes[2].as_str()), ("my-fashion-set", "Pullover"));
    assert!(message(path.join("t10k-labels.idx1-ubyte").to_str().unwrap()).contains("nor a folder"));

    fs::remove_file(path.join("t10k-labels.idx1-ubyte")).unwrap();
    fs::create_dir(path.join("t10k-labels.idx1-ubyte")).unwrap();
    assert!(message(source).contains("t10k-labels.idx1-ubyte: expected a file, found a folder"));
}

#[test]
fn bad_sets_get_errors_that_say_what_and_where() {
    for (case, set, parts) in bad_sets() {
        let message = load(&set).expect_err(case).to_string();
        for part in parts {
            assert!(message.contains(part), "{case}: '{part}' is not in: {message}");
        }
    }
}

/// One of the readers, its result dropped.
type Reader = fn(&[u8]) -> Result<(), DataError>;
const IDX_IMAGES: Reader = |bytes| idx_reader::parse_images(bytes, "file").map(drop);
const IDX_LABELS: Reader = |bytes| idx_reader::parse_labels(bytes, "file").map(drop);
const CIFAR: Reader = |bytes| cifar::parse(bytes, "file", 10).map(drop);
const TFJS_PNG: Reader = |bytes| tfjs_cifar::parse_png(bytes, "file").map(drop);
const TFJS_LABELS: Reader = |bytes| tfjs_cifar::parse_labels(bytes, "file").map(drop);

const NPZ: Reader = |bytes| npz_reader::parse(bytes, "file").map(drop);

/// A small sound file for each reader.
fn sound_files() -> [(Reader, Vec<u8>); 9] {
    [
        (IDX_IMAGES, idx_images(2, 8, 9)),
        (IDX_IMAGES, gzip(&idx_images(2, 8, 9))),
        (IDX_LABELS, idx_labels(&[1, 2, 3])),
        (IDX_LABELS, gzip(&idx_labels(&[1, 2, 3]))),
        // One record: of two, the first alone is a sound file.
        (CIFAR, cifar_batch(&[7])),
        (TFJS_PNG, tfjs_png(2)),
        (TFJS_LABELS, b"[1, 2, 3]".to_vec()),
        (NPZ, npz(&scene_arrays(), false)),
        (NPZ, npz(&scene_arrays(), true)),
    ]
}

#[test]
fn no_beginning_of_a_file_is_taken_for_the_whole() {
    for (reader, bytes) in sound_files() {
        reader(&bytes).unwrap();
        for end in 0..bytes.len() {
            assert!(reader(&bytes[..end]).is_err(), "{end} of {} bytes are taken", bytes.len());
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        for (reader, _) in sound_files() {
            let _ = reader(&bytes);
        }
        let _ = names::parse(&bytes, "file");
    }

    #[test]
    fn damaged_files_never_panic(
        which in 0..9_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (reader, mut bytes) = sound_files()[which].clone();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = reader(&bytes);
    }
}
