//! Rows of logits to their divergence and its gradient.

use crate::exponential::exponential;
use crate::products::{NO_TOKEN, most};
use crate::vector::Vector;

/// What is known of a row of both maps from the columns seen so far; maxima and sums run along with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowSums {
    teacher_most: f32,
    student_most: f32,
    /// `Σ e^(T - teacher_most)`
    teacher: f32,
    /// `Σ e^(S - student_most)`
    student: f32,
    /// `Σ e^(T - teacher_most) · ((T - teacher_most) - (S - student_most))`
    difference: f32,
}

impl RowSums {
    pub(crate) const EMPTY: Self =
        Self { teacher_most: NO_TOKEN, student_most: NO_TOKEN, teacher: 0.0, student: 0.0, difference: 0.0 };

    /// Takes more columns in; they become exponentials, relative to the maxima so far.
    #[inline(always)]
    pub(crate) fn take<V: Vector>(&mut self, teacher: &mut [f32], student: &mut [f32]) {
        let (teacher_most, student_most) =
            (most::<V>(teacher, self.teacher_most), most::<V>(student, self.student_most));
        let (teacher_moved, student_moved) = (self.teacher_most - teacher_most, self.student_most - student_most);
        // Nothing has been summed yet where the maxima came from nothing.
        if self.teacher > 0.0 {
            let [kept] = exponential([teacher_moved]);
            self.difference = (self.difference + self.teacher * (teacher_moved - student_moved)) * kept;
            self.teacher *= kept;
            self.student *= exponential([student_moved])[0];
        }
        (self.teacher_most, self.student_most) = (teacher_most, student_most);

        let (teacher_most, student_most) = (V::splat(teacher_most), V::splat(student_most));
        let [mut p_sum, mut q_sum, mut difference] = [V::splat(0.0); 3];
        for piece in 0..teacher.len() / V::LANES {
            let teacher = &mut teacher[piece * V::LANES..];
            let student = &mut student[piece * V::LANES..];
            let (theirs, ours) = (V::load(teacher).subtract(teacher_most), V::load(student).subtract(student_most));
            let (p, q) = (exponential(theirs), exponential(ours));
            p.store(teacher);
            q.store(student);
            p_sum = p_sum.add(p);
            q_sum = q_sum.add(q);
            difference = p.multiply_add(theirs.subtract(ours), difference);
        }
        self.teacher += p_sum.sum();
        self.student += q_sum.sum();
        self.difference += difference.sum();
    }

    /// The same exponentials of columns that were taken before and are computed anew.
    #[inline(always)]
    pub(crate) fn exponentials<V: Vector>(&self, teacher: &mut [f32], student: &mut [f32]) {
        for (logits, most) in [(teacher, self.teacher_most), (student, self.student_most)] {
            for piece in 0..logits.len() / V::LANES {
                let logits = &mut logits[piece * V::LANES..];
                exponential(V::load(logits).subtract(V::splat(most))).store(logits);
            }
        }
    }

    /// `KL(P ‖ Q)` of the row.
    pub(crate) fn divergence(&self) -> f64 {
        divergence(self.teacher, self.student, self.difference)
    }

    /// `student` becomes `coefficient · (Q - P)`; both hold exponentials.
    #[inline(always)]
    pub(crate) fn slope<V: Vector>(&self, teacher: &[f32], student: &mut [f32], coefficient: f32) {
        let (theirs, ours) = (V::splat(-coefficient / self.teacher), V::splat(coefficient / self.student));
        for piece in 0..student.len() / V::LANES {
            let student = &mut student[piece * V::LANES..];
            let p = V::load(&teacher[piece * V::LANES..]);
            V::load(student).multiply_add(ours, theirs.multiply(p)).store(student);
        }
    }
}

/// `KL(P ‖ Q)` of a row from its sums: `Σ P · (T - S)` and the logarithms of both sums, in which the shifts cancel out.
pub(crate) fn divergence(teacher: f32, student: f32, difference: f32) -> f64 {
    let [teacher, student, difference] = [teacher, student, difference].map(f64::from);
    difference / teacher - teacher.ln() + student.ln()
}
