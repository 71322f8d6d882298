//! Loops of a shader written out, and its arrays as variables of their own: all drivers keep these in registers, and naga
//! reads them in a fraction of the time, which grows with the square of a function's expressions.

/// Repeats what stands between the lines `//# for i in COUNT` and `//# end`, with `$i` from 0 to that count, and computes
/// what stands in `$[…]`.
///
/// Loops may be nested. Counts are computed, too: of numbers, the names in `counts`, `+ - * / %` and parentheses; a loop over
/// 1 or 0 says whether what it encloses is there.
///
/// # Panics
/// Where a loop or a computation is malformed, or a name's count is not given.
pub(in crate::gpu) fn unroll(text: &str, counts: &[(&str, u32)]) -> String {
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
            write_line(line, counts, unrolled);
            continue;
        };
        let length = body_length(after);
        let body = after[..length].join("\n");
        let (variable, count) = header.split_once(" in ").expect("a loop reads `//# for i in COUNT`");
        for index in 0..compute(count, counts) {
            let body = body.replace(&format!("${variable}"), &index.to_string());
            write_out(&body.lines().collect::<Vec<_>>(), counts, unrolled);
        }
        rest = &after[length + 1..];
    }
}

/// One line, computed where it says so.
fn write_line(line: &str, counts: &[(&str, u32)], unrolled: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("$[") {
        let (computed, after) = after.split_once(']').expect("what is computed ends in a bracket");
        unrolled.push_str(before);
        unrolled.push_str(&compute(computed, counts).to_string());
        rest = after;
    }
    unrolled.push_str(rest);
    unrolled.push('\n');
}

/// The value of a computation, which is none below zero.
fn compute(text: &str, counts: &[(&str, u32)]) -> u32 {
    let mut reader = Reader { rest: text, counts };
    let value = reader.sum();
    assert!(reader.rest.trim().is_empty(), "{text}: nothing is expected at '{}'", reader.rest);
    u32::try_from(value).unwrap_or_else(|_| panic!("{text} is {value}"))
}

/// Reads a computation from left to right.
struct Reader<'a> {
    rest: &'a str,
    counts: &'a [(&'a str, u32)],
}

impl Reader<'_> {
    fn sum(&mut self) -> i64 {
        let mut value = self.product();
        loop {
            value = match self.take(&['+', '-']) {
                Some('+') => value + self.product(),
                Some(_) => value - self.product(),
                None => return value,
            };
        }
    }

    fn product(&mut self) -> i64 {
        let mut value = self.operand();
        loop {
            value = match self.take(&['*', '/', '%']) {
                Some('*') => value * self.operand(),
                Some('/') => value / self.operand(),
                Some(_) => value % self.operand(),
                None => return value,
            };
        }
    }

    /// A number, a name, or a sum in parentheses.
    fn operand(&mut self) -> i64 {
        if self.take(&['(']).is_some() {
            let value = self.sum();
            assert!(self.take(&[')']).is_some(), "a parenthesis is closed before '{}'", self.rest);
            return value;
        }
        let is_part = |char: char| char.is_alphanumeric() || char == '_';
        let end = self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.parse().unwrap_or_else(|_| {
            let count = self.counts.iter().find(|(known, _)| *known == word);
            i64::from(count.unwrap_or_else(|| panic!("'{word}' is no number and no count that is given")).1)
        })
    }

    /// The next character where it is one of these, without the space around it.
    fn take(&mut self, wanted: &[char]) -> Option<char> {
        self.rest = self.rest.trim_start();
        let found = self.rest.chars().next().filter(|char| wanted.contains(char))?;
        self.rest = self.rest[1..].trim_start();
        Some(found)
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

    #[test]
    fn indices_and_counts_are_computed() {
        let text = "//# for i in 1 + two\n//# for there in ($i + pad) % 2\nnear_$[$i * two + (7 - 3) / 2]_$i;$[ pad]\n//# end\n//# end";
        assert_eq!(unroll(text, &[("two", 2), ("pad", 1)]), "near_2_0;1\nnear_6_2;1\n");
    }

    #[test]
    #[should_panic(expected = "'three' is no number and no count that is given")]
    fn unknown_names_are_refused() {
        unroll("$[1 + three]", &[("two", 2)]);
    }

    #[test]
    #[should_panic(expected = "nothing is expected at '2'")]
    fn malformed_computations_are_refused() {
        unroll("$[1 2]", &[]);
    }
}
