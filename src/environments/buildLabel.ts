/**
 * The label of containers in which Switchyard builds, and of the image that they are made of. They come and
 * go with the build: nobody's environments.
 */
export const buildLabel = 'switchyard.box-build';
