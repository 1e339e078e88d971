// Its CommonJS default is one level deeper than @grafana/ui, bundled as modules, looks for it.
import { Scrollbars } from './node_modules/react-custom-scrollbars-2/lib/index.js';
export { Scrollbars };
export default Scrollbars;
