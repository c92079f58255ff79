/** A component that is only drawn again when one of its properties is another one. */
import { Component, type ComponentChild, type FunctionComponent, h } from "preact"

export const memo = <P extends object>(draw: (props: P) => ComponentChild): FunctionComponent<P> => {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return Object.keys(next).some((key) => next[key as keyof P] !== this.props[key as keyof P])
    }
    override render(): ComponentChild {
      return h(draw as FunctionComponent<P>, this.props as never)
    }
  }
  return Memo as unknown as FunctionComponent<P>
}
