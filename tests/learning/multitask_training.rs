//! The multi-task scenario learns every task, hides whose gradient is whose, and goes on from where it was.

use burn::tensor::Device;
use great_lab::{
    config::{
        Augmentation, Config, Hyper, MultitaskMethod, NetworkKind, Players, ScenarioKind, Setup, TaskSet,
    },
    data::{self, Dataset, Images, solids},
    nn::network::Statistics,
    protocol::TaskFigures,
    scenario::{Multitask, Scenario, multitask::Task},
    train::checkpoint::{self, Checkpoint, Header, UnderWay},
};

fn setup(method: MultitaskMethod, tasks: TaskSet, steps: u64) -> Setup {
    Setup {
        scenario: ScenarioKind::Multitask,
        multitask_method: method,
        tasks,
        data: solids::NAME.into(),
        network: NetworkKind::CnnSmall,
        width: 0.5,
        batch_size: 32,
        steps,
        ..Setup::default()
    }
}

/// A few of the solids, and what is known of them.
fn few() -> (Dataset, [great_lab::data::scenes::Scenes; 2]) {
    let scenes = [0..640, 1 << 32..(1 << 32) + 100].map(|numbers| solids::scenes(numbers, 32, 0));
    let [train, test] = scenes.clone().map(|part| part.images);
    let data = Dataset { name: "few".into(), classes: solids::classes(), shape: [3, 32, 32], train, test };
    (data, scenes)
}

fn statistics(data: &Dataset) -> Statistics {
    let (mean, deviation) = data.channel_statistics();
    Statistics { mean, deviation }
}

fn start(setup: &Setup) -> Multitask {
    let (data, scenes) = few();
    let scenes = (setup.tasks == TaskSet::Scenes).then_some(scenes);
    Multitask::new(setup, &data, scenes, &statistics(&data), &Device::flex()).unwrap()
}

fn figures(scenario: &Multitask, hyper: &Hyper) -> TaskFigures {
    pollster::block_on(scenario.task_figures(hyper).unwrap().read()).unwrap()
}

/// The figures before and after training, and the share of gradient tensors that were told apart in the second half.
fn train(method: MultitaskMethod, tasks: TaskSet, steps: u64) -> ([TaskFigures; 2], f64) {
    let (setup, hyper) = (setup(method, tasks, steps), Hyper { alignment_rate: 0.05, ..Hyper::default() });
    let mut scenario = start(&setup);
    let before = figures(&scenario, &hyper);
    for step in 0..steps {
        if step == steps / 2 {
            let _ = scenario.take_measures();
        }
        scenario.step(step, &hyper, Players::Both);
    }
    let measures = pollster::block_on(scenario.take_measures().unwrap().read()).unwrap();
    ([before, figures(&scenario, &hyper)], measures.auxiliary_accuracy)
}

#[test]
fn every_method_learns_every_dense_task() {
    for (index, method) in MultitaskMethod::ALL.iter().enumerate() {
        let set = TaskSet::ALL[index % 2];
        let ([before, after], _) = train(*method, set, 30);
        println!("{method}, {set}: {:?} to {:?}", before.figures, after.figures);
        for (task, figures) in after.tasks.iter().zip(before.figures.iter().zip(&after.figures)).skip(1) {
            let (before, after) = (figures.0[0].value, figures.1[0].value);
            assert!(after < 0.95 * before, "{method}, {task}: {before} to {after}");
        }
        assert!(after.figures[0][0].value <= 1.0 && after.norms.iter().flatten().all(|norm| *norm > 0.0));
    }
}

#[test]
fn great_hides_whose_gradient_is_whose() {
    let [(_, without), ([_, figures], with)] =
        [MultitaskMethod::Equal, MultitaskMethod::Great].map(|method| train(method, TaskSet::Scenes, 80));
    println!("told apart: {without} without, {with} with");
    assert!(with < without - 0.02, "told apart: {without} without, {with} with; chance is 0.25");
    // The layers have moved, keep their mean and let nothing pass backwards.
    for map in &figures.alignment {
        let mean = map.iter().sum::<f32>() / map.len() as f32;
        assert!((mean - 1.0).abs() < 1e-4, "{mean}");
        assert!(
            map.iter().any(|weight| (weight - 1.0).abs() > 1e-3) && map.iter().all(|weight| *weight >= 0.0)
        );
    }
}

#[test]
fn the_layers_are_absent_from_what_says_the_class() {
    let hyper = Hyper { alignment_rate: 0.2, ..Hyper::default() };
    let mut scenario = start(&setup(MultitaskMethod::Great, TaskSet::Pictures, 3));
    let images = scenario.held_out().gather(&[0, 1, 2, 3]).images;
    let logits = |scenario: &Multitask| -> Vec<f32> {
        let main = scenario.main();
        main.network.logits(&main.weights, images.clone()).into_data().try_into_vec().unwrap()
    };
    (0..2).for_each(|step| scenario.step(step, &hyper, Players::Both));
    let said = logits(&scenario);
    assert!(scenario.main().network.specs.iter().all(|spec| !spec.name.contains("alignment")));
    // Without the layers' weights, as they are at first, the network says the same bit for bit.
    let fresh = start(&setup(MultitaskMethod::Great, TaskSet::Pictures, 3)).state().balance;
    let mut state = scenario.state();
    state.balance = fresh;
    scenario.restore(state);
    assert_eq!(logits(&scenario), said);
}

#[test]
fn a_run_goes_on_from_its_checkpoint_bit_for_bit() {
    let hyper = Hyper::default();
    for method in [MultitaskMethod::GreatGradNorm, MultitaskMethod::Uncertainty, MultitaskMethod::SingleTask]
    {
        let setup = setup(method, TaskSet::Scenes, 5);
        let mut through = start(&setup);
        (0..2).for_each(|step| through.step(step, &hyper, Players::Both));
        let bytes = saved(&through, &setup);
        (2..4).for_each(|step| through.step(step, &hyper, Players::Both));
        let mut resumed = start(&setup);
        resumed.restore(Checkpoint::read(&bytes).unwrap().state(&Device::flex()));
        (2..4).for_each(|step| resumed.step(step, &hyper, Players::Both));
        assert!(saved(&through, &setup) == saved(&resumed, &setup), "{method}");
    }
}

fn saved(scenario: &Multitask, setup: &Setup) -> Vec<u8> {
    let (data, _) = few();
    let config = Config { setup: setup.clone(), hyper: Hyper::default() };
    let interface = &scenario.main().network.interface;
    let header = Header::new(config, 0, interface, data.classes.clone(), &statistics(&data))
        .with_tasks(scenario.task_outputs());
    pollster::block_on(checkpoint::write(header, scenario.state(), UnderWay::default())).unwrap()
}

#[test]
fn what_does_not_go_together_is_refused_and_what_is_not_there_left_out() {
    let (data, scenes) = few();
    let augmented =
        Setup { augmentation: Augmentation::Shift, ..setup(MultitaskMethod::Equal, TaskSet::Scenes, 1) };
    let refused = Multitask::new(&augmented, &data, Some(scenes), &statistics(&data), &Device::flex());
    let error = refused.err().unwrap().to_string();
    assert!(error.contains("augmentation=none"), "{error}");
    let error = data::load_scenes("fashion-mnist").unwrap_err().to_string();
    assert!(error.contains("solids"), "{error}");

    // Of grey images there are no colours to learn.
    let part = Images { pixels: vec![7; 2 * 256], labels: vec![0, 1] };
    let grey = Dataset {
        name: "grey".into(),
        classes: vec!["a".into(), "b".into()],
        shape: [1, 16, 16],
        train: part.clone(),
        test: part,
    };
    let setup = setup(MultitaskMethod::PcGrad, TaskSet::Pictures, 1);
    let mut scenario = Multitask::new(&setup, &grey, None, &statistics(&grey), &Device::flex()).unwrap();
    assert_eq!(scenario.tasks(), [Task::Class, Task::Edge, Task::Denoise]);
    scenario.step(0, &Hyper::default(), Players::Both);
    let found = figures(&scenario, &Hyper::default());
    assert!(found.figures.iter().flatten().all(|figure| figure.value.is_finite()), "{:?}", found.figures);
}
