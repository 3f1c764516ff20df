// Cannot be set up.
export const setup = () => {
  throw new Error('no database today')
}

export default () => {}
