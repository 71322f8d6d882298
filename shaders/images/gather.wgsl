// Images of a set, by number: bytes to pixels in [0, 1], shifted and mirrored where asked; with them their labels.
//
// An image is a record of words: four pixels each, the first in the lowest byte, and last the label.

@group(0) @binding(0) var<storage, read_write> block_0: array<u32>;
@group(0) @binding(1) var<storage, read_write> block_1: array<u32>;
@group(0) @binding(2) var<storage, read_write> block_2: array<u32>;
@group(0) @binding(3) var<storage, read_write> block_3: array<u32>;
// Samples, channels, height, width, classes, words of a record, records of a block; then for each sample its record,
// columns to the right and rows down that its pixels come from, and 1 where it is mirrored.
@group(0) @binding(4) var<storage, read_write> info: array<u32>;
// [samples, channels, height, width]
@group(0) @binding(5) var<storage, read_write> images: array<f32>;
// [samples]
@group(0) @binding(6) var<storage, read_write> labels: array<u32>;
// [samples, classes]
@group(0) @binding(7) var<storage, read_write> one_hot: array<f32>;

const WORKGROUP = {{ workgroup }}u;
const SAMPLES = 7u;

fn word(record: u32, index: u32) -> u32 {
    let place = record % info[6] * info[5] + index;
    switch record / info[6] {
        case 0u: { return block_0[place]; }
        case 1u: { return block_1[place]; }
        case 2u: { return block_2[place]; }
        default: { return block_3[place]; }
    }
}

// byte / 255, rounded to the nearest f32, on integers: division need not be exact, and a run has to repeat on any
// adapter. In binary the quotient is the byte over and over, so it is never halfway between two floats.
fn fraction(byte: u32) -> f32 {
    if byte == 0u {
        return 0.0;
    }
    let zeros = 7u - firstLeadingBit(byte);
    let bits = (byte * 0x01010101u) << zeros;
    return bitcast<f32>(((125u - zeros) << 23u) + (bits >> 8u) + ((bits >> 7u) & 1u));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let height = info[2];
    let width = info[3];
    let classes = info[4];
    let pixels = info[1] * height * width;
    let entries = info[0] * (pixels + classes);
    for (var entry = invocation.x; entry < entries; entry += workgroups.x * WORKGROUP) {
        let sample = entry / (pixels + classes);
        let place = entry % (pixels + classes);
        let take = SAMPLES + 4u * sample;
        let record = info[take];
        if place < pixels {
            let column = place % width;
            // What lies outside wraps to a large number.
            let x = select(column, width - 1u - column, info[take + 3u] == 1u) + info[take + 1u];
            let y = place / width % height + info[take + 2u];
            var pixel = 0.0;
            if x < width && y < height {
                let source = (place / (width * height) * height + y) * width + x;
                pixel = fraction(extractBits(word(record, source / 4u), 8u * (source % 4u), 8u));
            }
            images[sample * pixels + place] = pixel;
        } else {
            let label = word(record, info[5] - 1u);
            let column = place - pixels;
            one_hot[sample * classes + column] = select(0.0, 1.0, column == label);
            if column == 0u {
                labels[sample] = label;
            }
        }
    }
}
