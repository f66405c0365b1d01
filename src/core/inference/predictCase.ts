import type { MedicalImage } from '@/core/io/medicalImage';
import { type Prediction, Predictor, type PredictorOptions } from './predictor';
import type { PrepareOptions } from './prepareCase';

/** One image and all that predicting it takes. */
export interface PredictCaseJob extends PredictorOptions, PrepareOptions {
  readonly image: MedicalImage;
}

/** Opens the model, segments one image, closes the model. For several images keep a {@link Predictor}. */
export async function predictCase(job: PredictCaseJob): Promise<Prediction> {
  const predictor = await Predictor.open(job);
  try {
    return await predictor.predict(await predictor.prepare(job.image, job), job);
  } finally {
    predictor.close();
  }
}
