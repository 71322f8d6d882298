//! What a run is made of: its data, what is known of them, and which of them are looked at.

use burn::tensor::Device;

use crate::{
    config::{Config, DeviceInfo, ScenarioKind, Setup, Stream, TaskSet},
    data::{self, DataError, Dataset, balanced_subset, proportional_subset, scenes::Scenes},
    nn::{Network, network::Statistics},
    protocol::{Places, RunId, RunInfo},
    scenario::{Defense, Distillation, Multitask, Scenario, multitask::TaskError},
    train::{
        checkpoint::{Checkpoint, TeacherHeader},
        sources::{Chosen, Opened},
    },
};

/// Held-out images whose gradient tensors make the histograms.
const HISTOGRAM_IMAGES: usize = 256;

/// A network with first weights that it has from elsewhere.
type Trained = (Network, Vec<Vec<f32>>);

/// The game of a setup on such data: with that teacher, which may be trained, and the main network that `begins` it, where it
/// does not begin anew.
///
/// # Errors
/// What several tasks cannot be learned of, or with.
pub fn scenario(
    (setup, (data, scenes), statistics): (&Setup, (&Dataset, Option<[Scenes; 2]>), &Statistics),
    (teacher, begins): (Option<(TeacherHeader, Option<Trained>)>, Option<Trained>),
    device: &Device,
) -> Result<(Option<TeacherHeader>, Box<dyn Scenario>), TaskError> {
    Ok(match (teacher, begins) {
        (None, _) if setup.scenario == ScenarioKind::Multitask => {
            (None, Box::new(Multitask::new(setup, data, scenes, statistics, device)?))
        }
        (None, begins) => {
            let game = Defense::new(setup, data, statistics, device);
            let game = match begins {
                Some((network, values)) => game.beginning_with(network, &values, device),
                None => game,
            };
            (None, Box::new(game))
        }
        (Some((header, trained)), begins) => {
            let game = Distillation::new(setup, data, statistics, trained, device);
            let game = match begins {
                Some((network, values)) => game.beginning_with(network, &values, device),
                None => game,
            };
            (Some(header), Box::new(game))
        }
    })
}

/// What was made of the files of the main network and of the teacher otherwise than they say, in sentences.
pub fn notes(setup: &Setup, opened: Option<&Opened>, teacher: Option<&Chosen>) -> Vec<String> {
    let of =
        |name: &str, notes: &[String]| (!notes.is_empty()).then(|| format!("{name}: {}.", notes.join("; ")));
    let own = opened.and_then(|opened| of(setup.network_name(), &opened.notes));
    let teachers = teacher.and_then(|teacher| of("the teacher", &teacher.notes));
    own.into_iter().chain(teachers).collect()
}

/// The facts of a run on data that were found there.
pub fn describe(
    (run, config, device): (RunId, Config, DeviceInfo),
    (data, places): (&Dataset, Places),
    scenario: &dyn Scenario,
) -> RunInfo {
    RunInfo {
        run,
        config,
        device,
        data: data.name.clone(),
        places,
        classes: data.classes.clone(),
        origins: scenario.origins(&data.classes),
        image_shape: data.shape,
        input_deviation: scenario.main().network.input_deviation(),
        train_images: scenario.train().len(),
        test_images: data.test.len(),
        main_weights: scenario.main().network.weight_count(),
        auxiliary_weights: scenario.auxiliary().network.weight_count(),
        teacher_weights: scenario.teacher().map(|teacher| teacher.network.weight_count()),
        forked: None,
    }
}

/// The data of a run, with what is known of its scenes where its tasks ask for that.
pub fn load(setup: &Setup) -> Result<(Dataset, Option<[Scenes; 2]>), DataError> {
    if setup.scenario == ScenarioKind::Multitask && setup.learned() == Some(TaskSet::Scenes) {
        data::load_with_scenes(&setup.data).map(|(data, scenes)| (data, Some(scenes)))
    } else {
        data::load(setup).map(|data| (data, None))
    }
}

/// What the main network normalises with; that of a checkpoint, if it was trained on such data. Where the run of that
/// checkpoint goes on, they must be the very data.
///
/// # Errors
/// What is wrong with the data, and what to do.
pub fn statistics(
    data: &Dataset,
    saved: Option<&Checkpoint>,
    is_same_run: bool,
) -> Result<Statistics, (String, &'static str)> {
    let (mean, deviation) = data.channel_statistics();
    let found = Statistics { mean, deviation };
    let Some(saved) = saved else { return Ok(found) };
    saved.fits(data).map_err(|unfit| {
        (format!("the checkpoint {unfit}"), "Give the data that the checkpoint was trained on.")
    })?;
    let statistics = saved.header.statistics();
    if is_same_run && statistics != found {
        let what = format!("{} is not what it was when the run began: its images are others", data.name);
        return Err((what, "Give the data that the run was trained on (--data)."));
    }
    Ok(statistics)
}

/// The held-out images whose gradient tensors make the histograms.
pub fn histogram_images(scenario: ScenarioKind, labels: &[u8]) -> Vec<u32> {
    match scenario {
        // A histogram a class: of each as many images.
        ScenarioKind::Defense => balanced_subset(labels, HISTOGRAM_IMAGES),
        // Shares of images are told of them, and no histogram is of a class.
        ScenarioKind::Distillation | ScenarioKind::Multitask => {
            proportional_subset(labels, HISTOGRAM_IMAGES, Stream::Sample.number())
        }
    }
}

/// The first image of each class, `n` images at most.
pub fn one_of_each_class(labels: &[u8], n: usize) -> Vec<u32> {
    let mut classes: Vec<u8> = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let first = |class: &u8| labels.iter().position(|label| label == class).map(|index| index as u32);
    classes.iter().filter_map(first).take(n).collect()
}
