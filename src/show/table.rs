//! Rows of figures as comma-separated values.

/// A table that grows row by row and is a CSV file at any time (RFC 4180, with bare line feeds).
pub struct Table {
    writer: csv::Writer<Vec<u8>>,
    rows: u64,
}

/// Why writing to a [`Table`] cannot fail.
const IN_MEMORY: &str = "memory takes every byte, and each row has as many cells as the header";

impl Table {
    /// A table of no rows.
    pub fn new<C: AsRef<[u8]>>(header: impl IntoIterator<Item = C>) -> Self {
        let mut table = Self { writer: csv::Writer::from_writer(Vec::new()), rows: 0 };
        table.push(header);
        Self { rows: 0, ..table }
    }

    /// Adds a row of as many cells as the header has.
    pub fn push<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.writer.write_record(cells).expect(IN_MEMORY);
        self.rows += 1;
    }

    /// Rows so far, without the header.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The file so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.writer.flush().expect(IN_MEMORY);
        self.writer.get_ref()
    }

    /// The same rows, to go on with otherwise.
    pub fn copy(&mut self) -> Self {
        let rows = self.rows;
        Self { writer: csv::Writer::from_writer(self.bytes().to_vec()), rows }
    }

    /// The file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_inner().expect(IN_MEMORY)
    }

    /// The file as text.
    pub fn into_csv(self) -> String {
        String::from_utf8_lossy(&self.into_bytes()).into_owned()
    }
}

impl<C: AsRef<[u8]>> Extend<Vec<C>> for Table {
    fn extend<I: IntoIterator<Item = Vec<C>>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_quote_what_would_break_them() {
        let mut table = Table::new(["class", "share, %"]);
        table.push(["T-shirt/\"top\"", "10"]);
        assert_eq!(table.bytes(), "class,\"share, %\"\n\"T-shirt/\"\"top\"\"\",10\n".as_bytes());
        table.extend([vec!["bag", "20"]]);
        assert!(table.into_csv().ends_with("10\nbag,20\n"));
    }

    #[test]
    fn a_copy_goes_on_alone() {
        let mut table = Table::new(["step"]);
        table.push(["1"]);
        let mut copy = table.copy();
        copy.push(["2"]);
        table.push(["3"]);
        assert_eq!((copy.rows(), copy.into_csv().as_str()), (2, "step\n1\n2\n"));
        assert_eq!(table.into_csv(), "step\n1\n3\n");
    }
}
