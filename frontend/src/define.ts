/**
 * Register an element. A page that stays open over an update of Watched Sync has the
 * elements of before, which nothing can replace until it is loaded anew.
 */
export const define = (name: string) => (element: CustomElementConstructor): void => {
  if (!customElements.get(name)) customElements.define(name, element);
};
