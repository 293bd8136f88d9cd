/** Every word of the page API but those of Swagger UI. */
export const DESCRIPTION = {
  title: 'API',
  backend: 'What is forwarded, the backend describes itself, where it is FastAPI:',
  choice: 'Choice',
};
