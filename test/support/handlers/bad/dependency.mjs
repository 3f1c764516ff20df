// Needs what nobody has installed.
import 'no-such-package'

export default () => {}
