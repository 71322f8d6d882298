//! Loops of a shader written out: only then do all drivers keep arrays in registers.

/// Repeats what stands between the lines `//# for i in NAME` and `//# end`, with `$i` from 0 to the count of that name.
///
/// Loops may be nested.
///
/// # Panics
/// Where a loop is malformed or its count is not given.
pub(super) fn unroll(text: &str, counts: &[(&str, u32)]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut unrolled = String::new();
    write_out(&lines, counts, &mut unrolled);
    unrolled
}

fn write_out(lines: &[&str], counts: &[(&str, u32)], unrolled: &mut String) {
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        let Some(header) = line.trim().strip_prefix("//# for ") else {
            unrolled.push_str(line);
            unrolled.push('\n');
            continue;
        };
        let length = body_length(after);
        let body = after[..length].join("\n");
        let (variable, name) = header.split_once(" in ").expect("a loop reads `//# for i in NAME`");
        let count =
            counts.iter().find(|(known, _)| *known == name).expect("every count of a shader is given").1;
        for index in 0..count {
            let body = body.replace(&format!("${variable}"), &index.to_string());
            write_out(&body.lines().collect::<Vec<_>>(), counts, unrolled);
        }
        rest = &after[length + 1..];
    }
}

/// Lines up to the `//# end` of the loop that these lines are in.
fn body_length(lines: &[&str]) -> usize {
    let mut depth = 1;
    let end = lines.iter().position(|line| {
        match line.trim() {
            "//# end" => depth -= 1,
            line if line.starts_with("//# for ") => depth += 1,
            _ => {}
        }
        depth == 0
    });
    end.expect("every loop of a shader has an end")
}

#[cfg(test)]
mod tests {
    use super::unroll;

    #[test]
    fn nested_loops_are_written_out_in_order() {
        let text = "a\n  //# for i in two\nb$i\n//# for j in three\n$i$j\n//# end\n//# end\nc";
        assert_eq!(unroll(text, &[("two", 2), ("three", 3)]), "a\nb0\n00\n01\n02\nb1\n10\n11\n12\nc\n");
        assert_eq!(unroll(text, &[("two", 0), ("three", 3)]), "a\nc\n");
    }
}
