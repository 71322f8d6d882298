//! Sums of products over named axes, of one tensor or of two.

use burn::tensor::Tensor;

use crate::nn::graph::dense::Dense;
use crate::nn::graph::problem::{Problem, check};
use crate::nn::graph::room::Room;

/// Which axes tensors have by their names, and which the result has: `ij,jk->ik` is the product of two matrices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Einsum {
    operands: Vec<Vec<char>>,
    output: Vec<char>,
}

impl Einsum {
    /// From an equation as NumPy has it.
    ///
    /// # Errors
    /// Of more than two tensors, of an ellipsis, of a name twice in one tensor, or of one that no tensor has.
    pub fn read(equation: &str) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::new(format!("its equation {equation:?} {why}"));
        let (before, output) = match equation.split_once("->") {
            Some((before, output)) => (before, Some(output)),
            None => (equation, None),
        };
        let names = |text: &str| -> Vec<char> { text.chars().filter(|name| !name.is_whitespace()).collect() };
        let operands: Vec<Vec<char>> = before.split(',').map(names).collect();
        let all: Vec<char> = operands.concat();
        let once = |name: &&char| all.iter().filter(|other| other == name).count() == 1;
        let output = output.map_or_else(
            || {
                let mut single: Vec<char> = all.iter().filter(once).copied().collect();
                single.sort_unstable();
                single
            },
            names,
        );
        check(operands.len() <= 2, || {
            wrong("is of more than two tensors, which is not supported").to_string()
        })?;
        let is_name = |names: &Vec<char>| {
            let each = names.iter().enumerate();
            names.iter().all(char::is_ascii_alphabetic)
                && each.clone().all(|(at, name)| !names[..at].contains(name))
        };
        check(operands.iter().chain([&output]).all(is_name), || {
            wrong("has an ellipsis, or a name twice in one tensor, which is not supported").to_string()
        })?;
        check(output.iter().all(|name| all.contains(name)), || {
            wrong("names an axis that no tensor has").to_string()
        })?;
        Ok(Self { operands, output })
    }

    /// The sum of the products.
    ///
    /// # Errors
    /// Where the tensors have other axes, or sizes that differ.
    pub fn value(&self, tensors: &[&Dense], room: &Room) -> Result<Dense, Problem> {
        let fits = |(names, tensor): (&Vec<char>, &&Dense)| names.len() == tensor.axes();
        check(self.operands.len() == tensors.len() && self.operands.iter().zip(tensors).all(fits), || {
            "its equation is of other axes than its tensors have".into()
        })?;
        let sizes = self.sizes(tensors)?;
        room.takes(&self.output.iter().map(|name| size(&sizes, *name)).collect::<Vec<_>>())?;
        let named: Vec<Named> =
            self.operands.iter().zip(tensors).map(|(names, tensor)| Named::of(names, tensor)).collect();
        Ok(self.of(&named, &self.output))
    }

    /// The cotangent of the operand `which`, of that shape, from that of the result.
    ///
    /// # Errors
    /// None after [`Self::value`].
    pub fn vjp(&self, which: usize, tensors: &[&Dense], gy: &Dense) -> Result<Dense, Problem> {
        let sizes = self.sizes(tensors)?;
        let own = &self.operands[which];
        let mut all = vec![Named::of(&self.output, gy)];
        let others = self.operands.iter().zip(tensors).enumerate().filter(|(at, _)| *at != which);
        all.extend(others.map(|(_, (names, tensor))| Named::of(names, tensor)));
        // What was summed alone gets the same everywhere.
        let known: Vec<char> =
            own.iter().filter(|name| all.iter().any(|one| one.names.contains(name))).copied().collect();
        let found = self.of(&all, &known);
        let shape: Vec<usize> = own.iter().map(|name| size(&sizes, *name)).collect();
        let with_ones =
            own.iter().map(|name| if known.contains(name) { size(&sizes, *name) } else { 1 }).collect();
        Ok(found.reshaped(with_ones).spread(&shape))
    }

    fn sizes(&self, tensors: &[&Dense]) -> Result<Vec<(char, usize)>, Problem> {
        let mut sizes: Vec<(char, usize)> = Vec::new();
        for (names, tensor) in self.operands.iter().zip(tensors) {
            for (name, size) in names.iter().zip(tensor.shape()) {
                match sizes.iter().find(|(known, _)| known == name) {
                    Some((_, known)) if known != size => {
                        return Err(Problem::new(format!("its axis {name} has {known} entries and {size}")));
                    }
                    Some(_) => {}
                    None => sizes.push((*name, *size)),
                }
            }
        }
        Ok(sizes)
    }

    fn of(&self, tensors: &[Named], output: &[char]) -> Dense {
        match tensors {
            [a, b] => a.by(b, output),
            [a, ..] => a.only(output).in_order(output),
            [] => unreachable!("an equation is of one tensor at least"),
        }
    }
}

fn size(sizes: &[(char, usize)], name: char) -> usize {
    sizes.iter().find(|(known, _)| *known == name).map_or(1, |(_, size)| *size)
}

/// A tensor with the names of its axes.
struct Named {
    names: Vec<char>,
    tensor: Dense,
}

impl Named {
    fn of(names: &[char], tensor: &Dense) -> Self {
        Self { names: names.to_vec(), tensor: tensor.clone() }
    }

    /// Summed over all axes but these.
    fn only(&self, kept: &[char]) -> Self {
        let gone: Vec<usize> =
            (0..self.names.len()).filter(|axis| !kept.contains(&self.names[*axis])).collect();
        let names: Vec<char> = self.names.iter().filter(|name| kept.contains(name)).copied().collect();
        let left = self.tensor.summed(&gone);
        let shape = (0..self.names.len()).filter(|axis| !gone.contains(axis)).map(|axis| left.shape()[axis]);
        let shape = shape.collect();
        Self { names, tensor: left.reshaped(shape) }
    }

    fn in_order(&self, order: &[char]) -> Dense {
        let place = |name: &char| self.names.iter().position(|own| own == name).unwrap_or(0);
        let order: Vec<usize> = order.iter().map(place).collect();
        self.tensor.transposed(&order)
    }

    fn count(&self, names: &[char]) -> usize {
        let axes = self.names.iter().zip(self.tensor.shape());
        axes.filter(|(name, _)| names.contains(name)).map(|(_, size)| *size).product()
    }

    /// The products with another tensor, summed over what the output does not have: a product of matrices, for each entry along
    /// the axes that all three have.
    fn by(&self, other: &Self, output: &[char]) -> Dense {
        let a = self.only(&[&other.names[..], output].concat());
        let b = other.only(&[&a.names[..], output].concat());
        let shared = |name: &&char| b.names.contains(name);
        let both: Vec<char> = a.names.iter().filter(shared).copied().collect();
        let (batch, inner): (Vec<char>, Vec<char>) = both.iter().partition(|name| output.contains(name));
        let rows: Vec<char> = a.names.iter().filter(|name| !both.contains(name)).copied().collect();
        let columns: Vec<char> = b.names.iter().filter(|name| !both.contains(name)).copied().collect();
        let [outer, m, k, n] = [a.count(&batch), a.count(&rows), a.count(&inner), b.count(&columns)];
        let left: Tensor<3> = a.in_order(&[&batch[..], &rows, &inner].concat()).as_shape([outer, m, k]);
        let right: Tensor<3> = b.in_order(&[&batch[..], &inner, &columns].concat()).as_shape([outer, k, n]);
        let names = [batch, rows, columns].concat();
        let of = |name: &char| if a.names.contains(name) { a.count(&[*name]) } else { b.count(&[*name]) };
        let shape = names.iter().map(of).collect();
        let tensor = Dense::of(left.matmul(right)).reshaped(shape);
        Self { names, tensor }.in_order(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_are_read_as_numpy_does() {
        let of = |equation: &str| Einsum::read(equation).expect("it is one");
        assert_eq!(of("ij, jk"), of("ij,jk->ik"));
        assert_eq!(of("ba").output, ['a', 'b']);
        for (wrong, why) in [
            ("ij,jk,kl->il", "more than two"),
            ("...i->i", "an ellipsis"),
            ("ii->i", "a name twice"),
            ("ij->ik", "no tensor has"),
        ] {
            let said = Einsum::read(wrong).expect_err("it is none").to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
